#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "exec_fake_host.h"

/* A dueqd that is killed while its programs run: a process of this test's plays it. */

/* Runs one job of these options for ever. */
static pid_t start_dueqd(const struct fake_option *options, size_t count, const char *payload)
{
    static struct fake fake;
    static struct fake_job job;
    pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid == 0) {
        if (fake_open(&fake, options, count) == 0)
            fake_run_text(&fake, &job, payload);
        _exit(1);
    }
    return pid;
}

static void kill_and_collect(pid_t pid)
{
    int status;

    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status));
}

static void a_program_ends_with_dueqd(void **state)
{
    const char *file = scratch("once");
    const struct fake_option options[] = { FAKE_LIST("command", FIXTURE, "hang-all", file) };
    pid_t pids[2];
    (void) state;

    pid_t dueqd = start_dueqd(options, 1, "");
    eventually(read_pids(file, pids));
    assert_false(is_gone(pids[0]));
    assert_false(is_gone(pids[1]));
    kill_and_collect(dueqd);
    eventually(is_gone(pids[0]) && is_gone(pids[1]));
}

static void a_child_that_is_at_work_ends_with_dueqd(void **state)
{
    const char *file = scratch("lines");
    const struct fake_option options[] = { FAKE_LIST("command", FIXTURE, "lines"),
                                           { "mode", "lines", NULL } };
    char payload[300];
    pid_t pids[2];
    (void) state;

    snprintf(payload, sizeof payload, "!hang-all %s", file);
    pid_t dueqd = start_dueqd(options, 2, payload);
    eventually(read_pids(file, pids));
    kill_and_collect(dueqd);
    eventually(is_gone(pids[0]) && is_gone(pids[1]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_program_ends_with_dueqd),
        cmocka_unit_test(a_child_that_is_at_work_ends_with_dueqd),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
