#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "exec_fake_host.h"

/* A program for each job: `fixture` with these arguments, or another command. */

static struct fake fake;
static struct fake_job job;

#define COMMAND(...) FAKE_LIST("command", __VA_ARGS__)
#define OPTIONS(...)                                                                               \
    (const struct fake_option[])                                                                   \
    {                                                                                              \
        __VA_ARGS__                                                                                \
    }
#define OPEN(...)                                                                                  \
    fake_open_or_fail(&fake, OPTIONS(__VA_ARGS__),                                                 \
                      sizeof OPTIONS(__VA_ARGS__) / sizeof(struct fake_option))

/* Opens, runs one job with this payload, closes. */
#define RUN_PAYLOAD(bytes, len, ...)                                                               \
    (OPEN(__VA_ARGS__), fake_job_init(&job, bytes, len), run_and_close())
#define RUN(...) RUN_PAYLOAD("payload", 7, __VA_ARGS__)

static int32_t run_and_close(void)
{
    int32_t outcome = fake_run(&fake, &job);
    fake_close(&fake);
    return outcome;
}

static void a_program_has_four_descriptors_and_none_of_ours(void **state)
{
    int careless = open("/dev/null", O_RDONLY); /* as a library may */
    int leaky = fcntl(careless, F_DUPFD, 20);
    (void) state;

    assert_true(leaky >= 20);
    close(careless);
    assert_int_equal(RUN(COMMAND(FIXTURE, "descriptors")), DUEQ_RETRY);
    assert_string_equal(job.message, "exit status 1: 0 1 2 3");
    close(leaky);
}

static void a_program_has_no_signal_blocked_or_ignored(void **state)
{
    sigset_t all, old;
    (void) state;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old); /* as dueqd's threads have it */
    void (*before)(int) = signal(SIGUSR2, SIG_IGN);
    assert_int_equal(RUN(COMMAND(FIXTURE, "signals")), DUEQ_RETRY);
    signal(SIGUSR2, before);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    assert_string_equal(job.message, "exit status 1: none");
}

static void a_program_works_in_its_directory(void **state)
{
    (void) state;
    assert_int_equal(RUN(COMMAND(FIXTURE, "directory"), { "directory", "/usr/share", NULL }),
                     DUEQ_RETRY);
    assert_string_equal(job.message, "exit status 1: /usr/share");
}

static void a_name_is_looked_up_in_the_path_that_the_program_gets(void **state)
{
    (void) state;
    assert_int_equal(
        RUN(COMMAND("exec_fixture", "exit", "0"),
            FAKE_LIST("environment", "PATH=.:/nowhere:" DUEQ_BINARY_DIR "/tests/handlers")),
        DUEQ_DONE);
    assert_int_equal(
        RUN(COMMAND("exec_fixture", "exit", "0"), FAKE_LIST("environment", "PATH=/nowhere")),
        DUEQ_RETRY);
    assert_string_equal(job.message, "cannot run exec_fixture: no such program in PATH (/nowhere)");
}

static const char *make_file(const char *name, const char *text, mode_t mode)
{
    const char *file = scratch(name);
    FILE *out = fopen(file, "we");

    assert_non_null(out);
    fputs(text, out);
    fclose(out);
    assert_int_equal(chmod(file, mode), 0);
    return file;
}

static void what_cannot_be_run_is_a_retry_that_says_why(void **state)
{
    const char *plain = make_file("plain", "#!/bin/sh\n", 0644);
    const char *lost = make_file("lost", "#!/no/such/interpreter\n", 0755);
    const char *no_line = make_file("no-line", "echo hello\n", 0755);
    (void) state;

    assert_int_equal(RUN(COMMAND("/no/such/program")), DUEQ_RETRY);
    assert_string_equal(job.message, "cannot run /no/such/program: no such file");
    assert_true(fake_logged(&fake, "<4>cannot run /no/such/program")); /* when it was opened */
    assert_int_equal(RUN(COMMAND(plain)), DUEQ_RETRY);
    assert_non_null(strstr(job.message, "not a file that user"));
    assert_int_equal(RUN(COMMAND("/usr")), DUEQ_RETRY);
    assert_non_null(strstr(job.message, "not a file that user"));
    assert_int_equal(RUN(COMMAND(lost)), DUEQ_RETRY);
    assert_non_null(strstr(job.message, "interpreter"));
    assert_int_equal(RUN(COMMAND(no_line)), DUEQ_RETRY);
    assert_non_null(strstr(job.message, "#!"));
    assert_int_equal(RUN(COMMAND(FIXTURE), { "directory", "/no/such/directory", NULL }),
                     DUEQ_RETRY);
    assert_non_null(strstr(job.message, "in /no/such/directory: No such file or directory"));
}

static void a_script_is_run_by_its_interpreter_and_no_shell_reads_the_command(void **state)
{
    const char *script = make_file("script", "#!/bin/sh\necho \"$1\" >&2\nexit 75\n", 0755);
    (void) state;

    assert_int_equal(RUN(COMMAND(script, "$HOME; `id` *")), DUEQ_RETRY);
    assert_string_equal(job.message, "exit status 75 (EX_TEMPFAIL): $HOME; `id` *");
}

/* ---- stopping ---- */

static int32_t ran;

static void *run_in_thread(void *arg)
{
    (void) arg;
    ran = fake_run(&fake, &job);
    return NULL;
}

/* Runs a job until the program has written its numbers, cancels it and waits for the end. */
static void run_until_ready_and_cancel(const char *file, pid_t pids[2])
{
    pthread_t thread;

    fake_job_init(&job, "", 0);
    assert_int_equal(pthread_create(&thread, NULL, run_in_thread, NULL), 0);
    eventually(read_pids(file, pids));
    job.cancelled = true;
    assert_int_equal(pthread_join(thread, NULL), 0);
    fake_close(&fake);
}

static void a_cancelled_program_is_ended_with_its_whole_group(void **state)
{
    const char *file = scratch("hang");
    pid_t pids[2];
    (void) state;

    /* the program ends by SIGTERM; the process that it has started ignores that */
    OPEN(COMMAND(FIXTURE, "hang", file), { "kill_after", "30s", NULL });
    run_until_ready_and_cancel(file, pids);
    assert_int_equal(ran, DUEQ_RETRY);
    assert_memory_equal(job.message, "cancelled after ", 16);
    assert_non_null(strstr(job.message, "; killed by signal 15 (SIGTERM)"));
    assert_true(is_gone(pids[0]));
    eventually(is_gone(pids[1]));
}

static void a_program_that_ignores_sigterm_is_killed_after_its_grace(void **state)
{
    const char *file = scratch("ignore-term");
    pid_t pids[2];
    (void) state;

    OPEN(COMMAND(FIXTURE, "ignore-term", file), { "kill_after", "50ms", NULL });
    run_until_ready_and_cancel(file, pids);
    assert_int_equal(ran, DUEQ_RETRY);
    assert_non_null(strstr(job.message, "; killed by signal 9 (SIGKILL)"));
    assert_true(is_gone(pids[0]));
    eventually(is_gone(pids[1]));
}

static void a_program_that_says_done_because_it_was_told_to_stop_is_tried_again(void **state)
{
    const char *file = scratch("done-on-term");
    pid_t pids[2];
    (void) state;

    OPEN(COMMAND(FIXTURE, "done-on-term", file));
    run_until_ready_and_cancel(file, pids);
    assert_int_equal(ran, DUEQ_RETRY);
    assert_non_null(strstr(job.message, "exit status 0"));
}

static void a_program_that_was_stopped_hears_sigterm_too(void **state)
{
    const char *file = scratch("stopped");
    pthread_t thread;
    pid_t pids[2];
    (void) state;

    OPEN(COMMAND(FIXTURE, "stopped", file), { "kill_after", "10m", NULL });
    fake_job_init(&job, "", 0);
    assert_int_equal(pthread_create(&thread, NULL, run_in_thread, NULL), 0);
    eventually(read_pids(file, pids) && process_state(pids[0]) == 'T');
    job.cancelled = true;
    pthread_join(thread, NULL);
    fake_close(&fake);
    assert_non_null(strstr(job.message, "killed by signal 15 (SIGTERM)"));
}

static void a_timeout_is_called_one(void **state)
{
    const char *file = scratch("timeout");
    pthread_t thread;
    pid_t pids[2];
    (void) state;

    OPEN(COMMAND(FIXTURE, "hang", file));
    fake_job_init(&job, "", 0);
    job.job.timeout_us = 10000;
    assert_int_equal(pthread_create(&thread, NULL, run_in_thread, NULL), 0);
    eventually(read_pids(file, pids));
    job.cancelled = true; /* as dueqd would when it has passed */
    pthread_join(thread, NULL);
    fake_close(&fake);
    assert_memory_equal(job.message, "stopped after its timeout of 0.01 s; killed", 43);
}

static void what_a_program_leaves_behind_neither_holds_up_the_job_nor_survives_it(void **state)
{
    const char *file = scratch("linger");
    pid_t pids[2];
    (void) state;

    assert_int_equal(RUN(COMMAND(FIXTURE, "linger", file)), DUEQ_DONE);
    assert_true(read_pids(file, pids));
    eventually(is_gone(pids[1]));
}

static void an_escaped_process_that_never_stops_talking_does_not_hold_up_the_job(void **state)
{
    (void) state;
    assert_int_equal(RUN(COMMAND(FIXTURE, "talk-for-ever")), DUEQ_DONE);
}

/* ---- many ---- */

static void *run_many(void *arg)
{
    struct fake_job *mine = malloc(sizeof *mine);
    long *failures = arg;

    for (int i = 0; i < 25; i++) {
        fake_job_init(mine, "payload", 7);
        *failures += fake_run(&fake, mine) != DUEQ_DONE;
    }
    free(mine);
    return NULL;
}

static void eight_threads_run_programs_and_leave_no_descriptor_and_no_zombie(void **state)
{
    enum { THREADS = 8 };
    pthread_t threads[THREADS];
    long failures[THREADS] = { 0 };
    (void) state;

    OPEN(COMMAND("/bin/cat"));
    size_t before = open_descriptors();
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, run_many, &failures[i]), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(failures[i], 0);
    assert_int_equal(open_descriptors(), before);
    assert_false(has_children());
    fake_close(&fake);
}

static void an_ignored_sigchld_costs_the_status_and_hangs_nothing(void **state)
{
    (void) state;
    void (*before)(int) = signal(SIGCHLD, SIG_IGN);
    int32_t outcome = RUN(COMMAND(FIXTURE, "exit", "0"));
    signal(SIGCHLD, before);
    assert_int_equal(outcome, DUEQ_RETRY);
    assert_string_equal(job.message, "ended, but its exit status was lost");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_program_has_four_descriptors_and_none_of_ours),
        cmocka_unit_test(a_program_has_no_signal_blocked_or_ignored),
        cmocka_unit_test(a_program_works_in_its_directory),
        cmocka_unit_test(a_name_is_looked_up_in_the_path_that_the_program_gets),
        cmocka_unit_test(what_cannot_be_run_is_a_retry_that_says_why),
        cmocka_unit_test(a_script_is_run_by_its_interpreter_and_no_shell_reads_the_command),
        cmocka_unit_test(a_cancelled_program_is_ended_with_its_whole_group),
        cmocka_unit_test(a_program_that_ignores_sigterm_is_killed_after_its_grace),
        cmocka_unit_test(a_program_that_says_done_because_it_was_told_to_stop_is_tried_again),
        cmocka_unit_test(a_program_that_was_stopped_hears_sigterm_too),
        cmocka_unit_test(a_timeout_is_called_one),
        cmocka_unit_test(what_a_program_leaves_behind_neither_holds_up_the_job_nor_survives_it),
        cmocka_unit_test(an_escaped_process_that_never_stops_talking_does_not_hold_up_the_job),
        cmocka_unit_test(eight_threads_run_programs_and_leave_no_descriptor_and_no_zombie),
        cmocka_unit_test(an_ignored_sigchld_costs_the_status_and_hangs_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
