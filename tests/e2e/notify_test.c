#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "daemon.h"
#include "directory.h"
#include "fail.h"
#include "journal.h"
#include "scene.h"
#include "sql.h"
#include "wait.h"

/* What dueqd tells the service manager, which is this test. */

static int manager = -1;
static pid_t traced; /* a thread of the daemon that is held still; 0: none */

static struct process *start(struct scene *scene, const char *config, const char *watchdog)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    snprintf(address.sun_path, sizeof address.sun_path, "%s/notify", scene->directory);
    manager = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (manager < 0 || bind(manager, (struct sockaddr *) &address, sizeof address) < 0)
        test_fail("cannot listen on %s", address.sun_path);
    char socket_variable[160];
    snprintf(socket_variable, sizeof socket_variable, "NOTIFY_SOCKET=%s", address.sun_path);
    const char *const arguments[] = { "dueqd", "-c", config, NULL };
    const char *const environment[] = { socket_variable, watchdog, NULL };
    return process_start_with(arguments, environment, NULL);
}

/* What is traced cannot end either. */
static void let_go(void)
{
    if (traced)
        ptrace(PTRACE_DETACH, traced, NULL, NULL);
    traced = 0;
}

static int end(void **state)
{
    let_go();
    if (manager >= 0)
        close(manager);
    manager = -1;
    return scene_end(state);
}

struct message {
    const char *wanted;
    char all[16384]; /* what came before it, a line each */
};

static bool has_come(void *userdata)
{
    struct message *message = userdata;
    char text[1024];
    for (ssize_t len; (len = recv(manager, text, sizeof text - 1, 0)) > 0;) {
        text[len] = '\0';
        size_t used = strlen(message->all);
        snprintf(message->all + used, sizeof message->all - used, "%s\n", text);
        if (strstr(text, message->wanted))
            return true;
    }
    return false;
}

static void expect(struct message *message, const char *wanted)
{
    message->wanted = wanted;
    message->all[0] = '\0';
    if (!wait_until(has_come, message, 40))
        test_fail("\"%s\" has not come, but\n%s", wanted, message->all);
}

static void it_is_ready_when_a_database_is(void **state)
{
    struct scene *scene = *state;
    struct message message;
    sql_run(scene->admin, "UPDATE dueq_schema SET version = 7");
    struct process *daemon = start(scene, scene_config(scene, NULL, NULL), "WATCHDOG_USEC");
    expect(&message, "EXTEND_TIMEOUT_USEC=");
    assert_null(strstr(message.all, "READY=1"));
    assert_non_null(strstr(message.all, "STATUS=0 of 1 sources ready"));
    sql_run(scene->admin, "UPDATE dueq_schema SET version = 1");
    expect(&message, "READY=1");
    assert_non_null(strstr(message.all, "STATUS=1 of 1 sources ready"));
    daemon_stop(daemon);
    expect(&message, "STOPPING=1");
}

static void a_reload_is_told_whether_it_is_refused_or_not(void **state)
{
    struct scene *scene = *state;
    struct message message;
    struct process *daemon = start(scene, scene_config(scene, NULL, NULL), "WATCHDOG_USEC");
    expect(&message, "READY=1");
    process_signal(daemon, SIGHUP);
    expect(&message, "RELOADING=1");
    assert_non_null(strstr(message.all, "MONOTONIC_USEC="));
    expect(&message, "READY=1");
    scene_config_text(scene, "nonsense");
    process_signal(daemon, SIGHUP);
    expect(&message, "RELOADING=1");
    expect(&message, "READY=1");
    daemon_stop(daemon);
}

static void the_watchdog_is_fed_while_all_goes_well(void **state)
{
    struct scene *scene = *state;
    struct message message;
    struct process *daemon = start(scene, scene_config(scene, NULL, NULL), "WATCHDOG_USEC=1000000");
    expect(&message, "READY=1");
    for (int i = 0; i < 3; i++)
        expect(&message, "WATCHDOG=1");
    /* Also with a handler that takes longer than that, and while the last jobs end. */
    scene_insert(scene, "INSERT INTO dueq_job (kind, payload) VALUES ('work', "
                        "'{\"sleep_ms\":2500}')");
    journal_wait_count(scene->journal, 1, 20);
    process_signal(daemon, SIGTERM);
    expect(&message, "STOPPING=1");
    expect(&message, "WATCHDOG=1");
    expect(&message, "WATCHDOG=1");
    assert_int_equal(process_wait(daemon, 20), 0);
    scene_wait_all_gone(scene, 1);
}

/* 0: there is none of that name. */
static pid_t thread_named(struct process *daemon, const char *name)
{
    char path[512];
    const struct dirent *entry;
    pid_t found = 0;
    snprintf(path, sizeof path, "/proc/%d/task", (int) process_id(daemon));
    DIR *threads = opendir(path);
    assert_non_null(threads);
    while (!found && (entry = readdir(threads))) {
        if (entry->d_name[0] == '.')
            continue;
        snprintf(path, sizeof path, "/proc/%d/task/%s/comm", (int) process_id(daemon),
                 entry->d_name);
        char *comm = test_file_read(path);
        if (strncmp(comm, name, strlen(name)) == 0)
            found = (pid_t) atoi(entry->d_name);
        free(comm);
    }
    closedir(threads);
    return found;
}

enum { STARVED_S = 5 }; /* it is fed twice a second */

static time_t now_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec;
}

/* Reads what the daemon says meanwhile, which else would wait for that. */
static bool has_starved(void *userdata)
{
    time_t *fed_at_s = userdata;
    struct message message = { .wanted = "WATCHDOG=1" };
    while (has_come(&message))
        *fed_at_s = now_s();
    return now_s() - *fed_at_s > STARVED_S;
}

/* A lane that hangs in a way that no time limit of its own ends: as under a debugger, for no signal
 * stops a single thread. */
static void the_watchdog_starves_while_a_lane_stands_still(void **state)
{
    struct scene *scene = *state;
    struct message message;
    /* One lane: where others wait with it, waking them is waiting for it, and who does that holds
     * the lock that all need. */
    scene->source = "lanes = 1; connect_timeout = \"1s\"; read_timeout = \"1s\";";
    struct process *daemon = start(scene, scene_config(scene, NULL, NULL), "WATCHDOG_USEC=1000000");
    expect(&message, "READY=1");
    expect(&message, "WATCHDOG=1");
    pid_t lane = thread_named(daemon, "lane main/");
    assert_true(lane > 0);
    if (ptrace(PTRACE_SEIZE, lane, NULL, NULL) < 0)
        skip(); /* a system where nobody may do that */
    traced = lane;
    assert_int_equal(ptrace(PTRACE_INTERRUPT, lane, NULL, NULL), 0);
    assert_int_equal(waitpid(lane, NULL, __WALL), lane);

    time_t fed_at_s = now_s();
    if (!wait_until(has_starved, &fed_at_s, 60))
        test_fail("the watchdog is fed still: %s", process_stderr(daemon));
    assert_int_equal(process_count(daemon, "a lane or keeper has not moved for"), 1);
    let_go();
    expect(&message, "WATCHDOG=1");
    daemon_stop(daemon);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, scene_begin, end)
    const struct CMUnitTest tests[] = {
        TEST(it_is_ready_when_a_database_is),
        TEST(a_reload_is_told_whether_it_is_refused_or_not),
        TEST(the_watchdog_is_fed_while_all_goes_well),
        TEST(the_watchdog_starves_while_a_lane_stands_still),
    };
    return SCENE_RUN(tests);
}
