#include <glob.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon.h"
#include "directory.h"
#include "fail.h"
#include "journal.h"
#include "proxy.h"
#include "sql.h"
#include "workload.h"

/* What happens to hosts, servers and networks while jobs come and are run: each kind of trouble
 * some times in the middle of a workload, more often under scripts/test --all. */

enum { LIMIT = 120, JOBS = 400 };

#define MORE "retry = ( { name = \"soon\"; first = \"10ms\"; factor = 1.0; attempts = 20; } );"
#define QUEUE "threads = 4; lease = \"1s\"; retry = \"soon\";"

static struct test_server *server;
static struct scene *scene;

static int open_all(void **state)
{
    server = test_server_new(NULL);
    scene = scene_new_on(server);
    *state = scene;
    return 0;
}

static int close_all(void **state)
{
    (void) state;
    scene_free(scene);
    test_server_free(server);
    return 0;
}

static unsigned rounds(unsigned some, unsigned all_of_them)
{
    const char *all = getenv("DUEQ_TEST_ALL");
    return all && strcmp(all, "1") == 0 ? all_of_them : some;
}

static const char *config(const char *queue)
{
    char more[512];
    snprintf(more, sizeof more, MORE " state = \"%s\";", scene->directory);
    return scene_config(scene, queue, more);
}

/* The jobs come, and a part of them is run. */
static void get_going(void)
{
    size_t before = journal_count(scene->journal);
    assert_int_equal(workload_insert(scene->admin, JOBS), 0);
    journal_wait_count(scene->journal, before + JOBS / 4, LIMIT);
}

static void conclude(const char *what, unsigned faults)
{
    struct fault_tally tally = { 0 };
    workload_wait(scene, LIMIT);
    workload_check(scene, faults, &tally);
    printf("%s: ", what);
    fault_tally_print(&tally);
}

static void the_server_may_be_killed(void **state)
{
    unsigned faults = rounds(2, 20);
    (void) state;
    workload_begin(scene);
    struct process *daemon = daemon_start(config(QUEUE)), *other = daemon_start(config(QUEUE));
    for (unsigned i = 0; i < faults; i++) {
        get_going();
        test_server_kill(server);
        test_server_start(server);
        scene_connect_again(scene);
    }
    conclude("the server killed", faults);
    daemon_stop(daemon);
    daemon_stop(other);
}

static void the_server_may_be_restarted(void **state)
{
    unsigned faults = rounds(1, 10);
    (void) state;
    workload_begin(scene);
    struct process *daemon = daemon_start(config(QUEUE));
    for (unsigned i = 0; i < faults; i++) {
        get_going();
        test_server_stop(server);
        test_server_start(server);
        scene_connect_again(scene);
    }
    conclude("the server restarted", faults);
    daemon_stop(daemon);
}

/* For longer than its leases, and than the server waits for one that holds locks. */
static void a_daemon_may_stand_still_past_its_leases(void **state)
{
    unsigned faults = rounds(1, 5);
    (void) state;
    workload_begin(scene);
    struct process *daemon = daemon_start(config(QUEUE)), *other = daemon_start(config(QUEUE));
    for (unsigned i = 0; i < faults; i++) {
        get_going();
        process_signal(daemon, SIGSTOP);
        rest(i % 2 ? 1500 : 11500);
        process_signal(daemon, SIGCONT);
    }
    conclude("a daemon stopped past its leases", faults);
    daemon_stop(daemon);
    daemon_stop(other);
}

static void a_daemon_may_be_killed_and_started_again_and_again(void **state)
{
    unsigned faults = rounds(5, 50);
    (void) state;
    workload_begin(scene);
    struct process *other = daemon_start(config(QUEUE));
    for (unsigned i = 0; i < faults; i++) {
        struct process *daemon = daemon_start(config(QUEUE));
        get_going();
        process_signal(daemon, SIGKILL);
        assert_int_equal(process_wait(daemon, LIMIT), 128 + SIGKILL);
    }
    conclude("one of two daemons killed", faults);
    daemon_stop(other);
}

/* Who takes rows in the other order, and lets go of them late. */
struct rival {
    pthread_t thread;
    MYSQL *connection;
    _Atomic bool stopping;
    unsigned transactions;
};

static void *run_rival(void *arg)
{
    struct rival *rival = arg;
    mysql_thread_init();
    while (!rival->stopping) {
        if (sql_try(rival->connection,
                    "START TRANSACTION;"
                    "UPDATE dueq_job SET headers = '{}' ORDER BY id DESC LIMIT 20;"
                    "UPDATE dueq_job SET headers = NULL ORDER BY id LIMIT 20;"
                    "DO SLEEP(0.05); COMMIT") != 0)
            (void) sql_try(rival->connection, "ROLLBACK");
        rival->transactions++;
        rest(50 + random() % 100); /* or a row of theirs is never free */
    }
    mysql_thread_end();
    return NULL;
}

static void rivals_may_lock_rows_and_cause_deadlocks(void **state)
{
    struct rival rivals[2] = { { .stopping = false } };
    unsigned faults = 0;
    (void) state;
    workload_begin(scene);
    struct process *daemon = daemon_start(config(QUEUE)), *other = daemon_start(config(QUEUE));
    for (size_t i = 0; i < 2; i++) {
        rivals[i].connection = test_connect(scene->database, NULL);
        assert_int_equal(pthread_create(&rivals[i].thread, NULL, run_rival, &rivals[i]), 0);
    }
    for (unsigned i = 0; i < rounds(3, 30); i++)
        get_going();
    for (size_t i = 0; i < 2; i++) {
        rivals[i].stopping = true;
        pthread_join(rivals[i].thread, NULL);
        mysql_close(rivals[i].connection);
        faults += rivals[i].transactions;
    }
    conclude("transactions of rivals", faults);
    daemon_stop(daemon);
    daemon_stop(other);
}

static void configurations_and_plugins_may_be_replaced(void **state)
{
    unsigned faults = rounds(5, 40);
    (void) state;
    workload_begin(scene);
    scene->handlers = daemon_handlers((const char *const[]){ "noop", "threads", NULL });
    struct process *daemon = daemon_start(config(QUEUE));
    for (unsigned i = 0; i < faults; i++) {
        get_going();
        daemon_install_handler(scene->handlers, "noop");
        (void) config(i % 2 ? QUEUE : QUEUE " claim = \"lease\"; batch = 7;");
        daemon_reload(daemon);
    }
    conclude("reloads with another plugin", faults);
    daemon_stop(daemon);
}

static void the_network_may_be_slow(void **state)
{
    (void) state;
    char server_key[160];
    workload_begin(scene);
    struct proxy *proxy = proxy_new(server);
    snprintf(server_key, sizeof server_key, "socket = \"%s\";", proxy_socket(proxy));
    scene->server = server_key;
    /* A claim has four statements, and must be through before its leases end. */
    struct process *daemon = daemon_start(
        config("threads = 4; lease = \"20s\"; retry = \"soon\";"));
    unsigned faults = 0;
    for (unsigned ms = 1; ms <= rounds(100, 1000); ms *= 10, faults++) {
        proxy_slow_down(proxy, ms);
        get_going();
    }
    proxy_slow_down(proxy, 0);
    conclude("links of 1 ms to 1 s", faults);
    daemon_stop(daemon);
    proxy_free(proxy);
}

static struct process *start_with_a_clock_of_its_own(const char *offset_file)
{
    char file[160];
    snprintf(file, sizeof file, "FAKETIME_TIMESTAMP_FILE=%s", offset_file);
    const char *const arguments[] = { "dueqd", "-c", config(QUEUE), NULL };
    const char *const environment[] = { "LD_PRELOAD=/usr/$LIB/faketime/libfaketimeMT.so.1", file,
                                        "FAKETIME_NO_CACHE=1", "FAKETIME_DONT_FAKE_MONOTONIC=1",
                                        NULL };
    struct process *daemon = process_start_with(arguments, environment, NULL);
    process_expect_line(daemon, ">ready", LIMIT);
    return daemon;
}

/* What is preloaded comes before a sanitizer's runtime, which will not have that. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { PRELOADS = false };
#else
enum { PRELOADS = true };
#endif

static void the_clock_of_a_host_may_jump(void **state)
{
    static const char *const offsets[] = { "+1h", "-1h", "+10d", "-10d", "+0" };
    char offset_file[128];
    glob_t found;
    (void) state;
    if (!PRELOADS || glob("/usr/lib/*/faketime/libfaketimeMT.so.1", 0, NULL, &found) != 0)
        skip();
    globfree(&found);
    workload_begin(scene);
    snprintf(offset_file, sizeof offset_file, "%s/offset", scene->directory);
    test_file_write(offset_file, 0600, "+0\n");
    struct process *daemon = start_with_a_clock_of_its_own(offset_file);
    for (size_t i = 0; i < sizeof offsets / sizeof *offsets; i++) {
        get_going();
        test_file_write(offset_file, 0600, offsets[i]);
    }
    conclude("the host's clock set", sizeof offsets / sizeof *offsets);
    daemon_stop(daemon);
}

/* Without room for a ledger crashes are attributed to nobody, and jobs are run all the same. */
static void the_state_directory_may_be_full(void **state)
{
    (void) state;
    workload_begin(scene);
    const char *file = config(QUEUE);
    char command[512];
    snprintf(command, sizeof command, "ulimit -f 512; trap '' XFSZ; exec %s -c %s",
             process_program("dueqd"), file);
    struct process *daemon = process_start("sh", "-c", command, NULL);
    process_expect_line(daemon, ">ready", LIMIT);
    get_going();
    assert_true(process_count(daemon, scene->directory) > 0);
    conclude("a full state directory", 1);
    daemon_stop(daemon);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENE_TEST(the_server_may_be_killed),
        SCENE_TEST(the_server_may_be_restarted),
        SCENE_TEST(a_daemon_may_stand_still_past_its_leases),
        SCENE_TEST(a_daemon_may_be_killed_and_started_again_and_again),
        SCENE_TEST(rivals_may_lock_rows_and_cause_deadlocks),
        SCENE_TEST(configurations_and_plugins_may_be_replaced),
        SCENE_TEST(the_network_may_be_slow),
        SCENE_TEST(the_clock_of_a_host_may_jump),
        SCENE_TEST(the_state_directory_may_be_full),
    };
    return cmocka_run_group_tests(tests, open_all, close_all);
}
