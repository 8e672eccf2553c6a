#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fixture.h"
#include "wait.h"

/* dueq dev: a server and a daemon in one command, and nothing left of them afterwards. */

enum { DEV_LIMIT_S = 120 }; /* a server is made and started, a daemon drained */

static int end_all(void **state)
{
    (void) state;
    process_end_all();
    return 0;
}

struct ended {
    pid_t pid;
};

/* A zombie has ended: whoever inherits it may be slow to reap it, or never do it. */
static bool has_ended(void *userdata)
{
    const struct ended *ended = userdata;
    char path[64], stat[512] = "";
    snprintf(path, sizeof path, "/proc/%d/stat", (int) ended->pid);
    FILE *file = fopen(path, "re");
    if (!file)
        return true;
    size_t len = fread(stat, 1, sizeof stat - 1, file);
    fclose(file);
    stat[len] = '\0';
    const char *behind_name = strrchr(stat, ')');
    return !behind_name || behind_name[2] == 'Z' || behind_name[2] == 'X';
}

static void expect_ended(pid_t pid, const char *name)
{
    struct ended ended = { pid };
    assert_true(pid > 1);
    if (!wait_until(has_ended, &ended, LIMIT_S))
        test_fail("%s (%d) still runs", name, (int) pid);
}

static pid_t read_pid(const char *directory, const char *file)
{
    char *text = test_file_read(text_of("%s/%s", directory, file));
    pid_t pid = (pid_t) atoi(text);
    free(text);
    return pid;
}

/* A child of the process, by the name of its program. */
static pid_t child_named(pid_t parent, const char *name)
{
    const char *path = text_of("/proc/%d/task/%d/children", (int) parent, (int) parent);
    char *children = test_file_read(path);
    pid_t found = 0;
    for (char *word = strtok(children, " "); word; word = strtok(NULL, " ")) {
        char *comm = test_file_read(text_of("/proc/%s/comm", word));
        if (strncmp(comm, name, strlen(name)) == 0)
            found = (pid_t) atoi(word);
        free(comm);
    }
    free(children);
    return found;
}

static struct process *start_in(const char *directory)
{
    struct process *dev = process_start("dueq", "dev", "--dir", directory, NULL);
    if (!process_wait_line(dev, "Ctrl-C", DEV_LIMIT_S))
        test_fail("%s%s", process_stdout(dev), process_stderr(dev));
    return dev;
}

static void a_command_runs_with_a_daemon_that_runs_its_jobs_and_all_ends_with_it(void **state)
{
    (void) state;
    static const char script[] =
        "set -e\n"
        "echo \"conf=$DUEQ_CONF\"\n"
        "test -S \"$DUEQ_SOCKET\"\n"
        "\"$DUEQ\" -c \"$DUEQ_CONF\" enqueue noop >/dev/null\n"
        "while \"$DUEQ\" -c \"$DUEQ_CONF\" --json jobs | grep -q '\"id\"'; do :; done\n"
        "\"$DUEQ\" -c \"$DUEQ_CONF\" check\n"
        "exit 7\n";
    const char *const argv[] = { "dueq", "dev", "--exec", script, NULL };
    const char *const environment[] = { text_of("DUEQ=%s", process_program("dueq")), NULL };
    struct process *dev = process_start_with(argv, environment, NULL);
    int status = process_wait(dev, DEV_LIMIT_S);
    if (status != 7)
        test_fail("ended with %d\n%s%s", status, process_stdout(dev), process_stderr(dev));
    const char *conf = process_stdout(dev);
    assert_memory_equal(conf, "conf=/", 6);
    const char *file = text_of("%.*s", (int) strcspn(conf + 5, "\n"), conf + 5);
    assert_int_equal(access(file, F_OK), -1); /* the directory is gone, too */
    expect_text(process_stdout(dev), "ok       claim_plan");
    expect_no_text(process_stdout(dev), "failure");
}

static void a_signal_ends_daemon_and_server_in_an_orderly_way(void **state)
{
    (void) state;
    static const int signals[] = { SIGINT, SIGTERM };
    const char *directory = text_of("%s/dev", test_directory_new());
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) {
        struct process *dev = start_in(directory);
        pid_t server = read_pid(directory, "server.pid");
        pid_t daemon = child_named(process_id(dev), "dueqd");
        process_signal(dev, signals[i]);
        assert_int_equal(process_wait(dev, DEV_LIMIT_S), EX_OK);
        expect_ended(server, "the server");
        expect_ended(daemon, "dueqd");
        expect_text(process_stderr(dev), "stopped");
        process_free(dev);
    }
    char *log = test_file_read(text_of("%s/server.log", directory));
    expect_text(log, "Shutdown complete");
    expect_no_text(log, "crash recovery");
    free(log);
}

static void a_directory_that_was_kept_is_used_again_with_what_is_in_it(void **state)
{
    (void) state;
    const char *directory = text_of("%s/dev", test_directory_new());
    struct process *dev = start_in(directory);
    const char *conf = text_of("%s/dueq.conf", directory);
    expect_text(process_stdout(dev), text_of("-u root --socket=%s/mysqld.sock dueq", directory));
    assert_int_equal(dueq("-c", conf, "enqueue", "later", "--delay", "1d", NULL)->status, EX_OK);
    process_signal(dev, SIGTERM);
    assert_int_equal(process_wait(dev, DEV_LIMIT_S), EX_OK);
    struct stat status;
    assert_int_equal(stat(directory, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0700); /* root has no password in it */

    char *text = test_file_read(conf);
    test_file_write(conf, 0600, text_of("%s/* mine */\n", text));
    free(text);
    dev = start_in(directory);
    assert_int_equal(dueq("-c", conf, "status", NULL)->status, EX_OK);
    const struct run *run = dueq("-c", conf, "--json", "jobs", NULL);
    expect_text(run->out, "\"kind\": \"later\"");
    run = dueq("-c", conf, "--json", "status", NULL);
    json_t *json = json_loads(run->out, 0, NULL);
    assert_int_equal(json_array_size(member(json, "workers")), 1);
    json_decref(json);
    text = test_file_read(conf);
    expect_text(text, "mine");
    free(text);

    run = dueq("dev", "--dir", directory, NULL);
    assert_int_equal(run->status, EX_TEMPFAIL);
    expect_text(run->err, "another dueq dev runs in");
    /* The one that made the directory would start. */
    char *made_by = test_file_read(text_of("%s/server", directory));
    const char *other = strcmp(made_by, "mysql\n") == 0 ? "mariadb" : "mysql";
    run = dueq("dev", "--dir", directory, "--server", other, NULL);
    assert_int_not_equal(run->status, EX_OK);
    process_signal(dev, SIGTERM);
    assert_int_equal(process_wait(dev, DEV_LIMIT_S), EX_OK);
    run = dueq("dev", "--dir", directory, "--server", other, NULL);
    assert_int_equal(run->status, EX_USAGE);
    expect_text(run->err, text_of("a %.*s server's", (int) strcspn(made_by, "\n"), made_by));
    free(made_by);
}

static bool has_begun(void *userdata)
{
    return access(userdata, F_OK) == 0;
}

static void an_initialisation_that_was_interrupted_is_begun_anew(void **state)
{
    (void) state;
    const char *directory = text_of("%s/dev", test_directory_new());
    struct process *dev = process_start("dueq", "dev", "--dir", directory, NULL);
    assert_true(wait_until(has_begun, (void *) text_of("%s/data.new", directory), DEV_LIMIT_S));
    process_signal(dev, SIGINT);
    assert_int_equal(process_wait(dev, DEV_LIMIT_S), EX_OK);
    assert_int_equal(access(text_of("%s/data", directory), F_OK), -1);
    dev = start_in(directory);
    process_signal(dev, SIGINT);
    assert_int_equal(process_wait(dev, DEV_LIMIT_S), EX_OK);
}

static void nothing_is_left_running_when_dueq_itself_is_killed(void **state)
{
    (void) state;
    const char *directory = text_of("%s/dev", test_directory_new());
    struct process *dev = start_in(directory);
    pid_t server = read_pid(directory, "server.pid");
    pid_t daemon = child_named(process_id(dev), "dueqd");
    process_signal(dev, SIGKILL);
    assert_int_equal(process_wait(dev, LIMIT_S), 128 + SIGKILL);
    expect_ended(server, "the server");
    expect_ended(daemon, "dueqd");
}

static void the_end_of_the_daemon_or_the_server_ends_the_rest(void **state)
{
    (void) state;
    const char *directory = text_of("%s/dev", test_directory_new());
    struct process *dev = start_in(directory);
    pid_t server = read_pid(directory, "server.pid");
    kill(child_named(process_id(dev), "dueqd"), SIGKILL);
    assert_int_equal(process_wait(dev, DEV_LIMIT_S), EX_SOFTWARE);
    expect_text(process_stderr(dev), "dueqd ended, with status 137");
    expect_ended(server, "the server");
    process_free(dev);

    dev = start_in(directory);
    server = read_pid(directory, "server.pid");
    pid_t daemon = child_named(process_id(dev), "dueqd");
    kill(server, SIGKILL);
    assert_int_equal(process_wait(dev, DEV_LIMIT_S), EX_UNAVAILABLE);
    expect_text(process_stderr(dev), "the database server ended, with status 137");
    expect_ended(daemon, "dueqd");
}

static void a_configuration_that_dueqd_refuses_is_said(void **state)
{
    (void) state;
    const char *directory = text_of("%s/dev", test_directory_new());
    assert_int_equal(mkdir(directory, 0700), 0);
    test_file_write(text_of("%s/dueq.conf", directory), 0600, "sources = ( { nmae = 1; } );\n");
    struct process *dev = process_start("dueq", "dev", "--dir", directory, NULL);
    assert_int_equal(process_wait(dev, DEV_LIMIT_S), EX_SOFTWARE);
    expect_text(process_stderr(dev), "dueqd ended at once, with status 78");
    expect_text(process_stderr(dev), "nmae");
}

static void a_directory_that_cannot_be_is_refused(void **state)
{
    (void) state;
    const struct run *run = dueq("dev", "--dir", "/nonexistent/dev", NULL);
    assert_int_equal(run->status, EX_CANTCREAT);
    expect_text(run->err, "/nonexistent/dev");

    char name[120];
    memset(name, 'x', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    run = dueq("dev", "--dir", text_of("%s/%s", test_directory_new(), name), NULL);
    assert_int_equal(run->status, EX_CANTCREAT);
    expect_text(run->err, "too long for the path of a socket");
}

static void the_log_of_the_daemon_goes_where_it_is_wanted(void **state)
{
    (void) state;
    const char *log = text_of("%s/log", test_directory_new());
    const struct run *run = dueq("dev", "--log", log, "--exec", "true", NULL);
    assert_int_equal(run->status, EX_OK);
    assert_string_equal(run->err, "");
    char *text = test_file_read(log);
    expect_text(text, "ready");
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(
            a_command_runs_with_a_daemon_that_runs_its_jobs_and_all_ends_with_it, end_all),
        cmocka_unit_test_teardown(a_signal_ends_daemon_and_server_in_an_orderly_way, end_all),
        cmocka_unit_test_teardown(a_directory_that_was_kept_is_used_again_with_what_is_in_it,
                                  end_all),
        cmocka_unit_test_teardown(an_initialisation_that_was_interrupted_is_begun_anew, end_all),
        cmocka_unit_test_teardown(nothing_is_left_running_when_dueq_itself_is_killed, end_all),
        cmocka_unit_test_teardown(the_end_of_the_daemon_or_the_server_ends_the_rest, end_all),
        cmocka_unit_test_teardown(a_configuration_that_dueqd_refuses_is_said, end_all),
        cmocka_unit_test_teardown(a_directory_that_cannot_be_is_refused, end_all),
        cmocka_unit_test_teardown(the_log_of_the_daemon_goes_where_it_is_wanted, end_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
