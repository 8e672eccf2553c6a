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

static void each_exit_status_has_its_outcome(void **state)
{
    static const struct {
        const char *status;
        int32_t outcome;
        const char *message;
    } cases[] = {
        { "1", DUEQ_RETRY, "exit status 1" },
        { "64", DUEQ_DEAD, "exit status 64 (EX_USAGE)" },
        { "65", DUEQ_DEAD, "exit status 65 (EX_DATAERR)" },
        { "69", DUEQ_RETRY, "exit status 69 (EX_UNAVAILABLE)" },
        { "75", DUEQ_RETRY, "exit status 75 (EX_TEMPFAIL)" },
        { "77", DUEQ_DEAD, "exit status 77 (EX_NOPERM)" },
        { "78", DUEQ_DEAD, "exit status 78 (EX_CONFIG)" },
        { "127", DUEQ_RETRY, "exit status 127 (command not found)" },
        { "255", DUEQ_RETRY, "exit status 255" },
    };
    (void) state;

    assert_int_equal(RUN(COMMAND(FIXTURE, "exit", "0")), DUEQ_DONE);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(RUN(COMMAND(FIXTURE, "exit", cases[i].status)), cases[i].outcome);
        assert_string_equal(job.message, cases[i].message);
    }
    assert_int_equal(job.result.delay_us, -1);
}

static void a_death_by_signal_is_a_retry_that_names_it(void **state)
{
    (void) state;
    assert_int_equal(RUN(COMMAND(FIXTURE, "signal", "9")), DUEQ_RETRY);
    assert_string_equal(job.message, "killed by signal 9 (SIGKILL)");
}

static void the_end_of_stderr_is_in_the_message(void **state)
{
    (void) state;
    assert_int_equal(RUN(COMMAND(FIXTURE, "say", "no such order\n", "65")), DUEQ_DEAD);
    assert_string_equal(job.message, "exit status 65 (EX_DATAERR): no such order");
}

static void stdout_speaks_where_stderr_is_silent(void **state)
{
    (void) state;
    assert_int_equal(RUN(COMMAND(FIXTURE, "say-on-stdout", "PHP Fatal error")), DUEQ_RETRY);
    assert_string_equal(job.message, "exit status 1: PHP Fatal error");
}

static void a_mebibyte_of_broken_stderr_becomes_a_short_valid_text(void **state)
{
    static const char end[] = "\xe4\xb8\xad\xe6\x96\x87 the ? end";
    (void) state;

    assert_int_equal(RUN(COMMAND(FIXTURE, "flood", "1048576")), DUEQ_RETRY);
    size_t len = strlen(job.message);
    assert_in_range(len, 1900, 2200);
    assert_string_equal(job.message + len - strlen(end), end);
    assert_null(strchr(job.message, '\xff'));

    OPEN(COMMAND(FIXTURE, "flood", "1048576"), { "stderr_tail", "10", NULL });
    fake_job_init(&job, "", 0);
    assert_int_equal(run_and_close(), DUEQ_RETRY);
    assert_string_equal(job.message, "exit status 1: ...the ? end");

    OPEN(COMMAND(FIXTURE, "flood", "1048576"));
    fake_job_init(&job, "", 0);
    job.result.message_size = 64; /* where dueqd gives little room, the end is what is kept */
    assert_int_equal(run_and_close(), DUEQ_RETRY);
    assert_string_equal(job.message + 63 - strlen(end), end);
}

static char *big_payload(size_t len)
{
    char *payload = malloc(len + 1);

    for (size_t i = 0; i < len; i++)
        payload[i] = i % 4 ? 'x' : '\0';
    payload[len] = '\0';
    return payload;
}

enum { BIG = 16 << 20 };

static void a_payload_of_16_mib_with_nuls_arrives_whole(void **state)
{
    char *payload = big_payload(BIG);
    (void) state;

    assert_int_equal(RUN_PAYLOAD(payload, BIG, COMMAND(FIXTURE, "count")), DUEQ_RETRY);
    assert_string_equal(job.message, "exit status 1: 16777216 bytes, 4194304 NULs");
    free(payload);
}

static void a_program_that_talks_while_it_is_fed_does_not_block(void **state)
{
    char *payload = big_payload(BIG);
    (void) state;

    assert_int_equal(RUN_PAYLOAD(payload, BIG, COMMAND(FIXTURE, "copy")), DUEQ_DONE);
    free(payload);
}

static void a_program_need_not_read_its_payload(void **state)
{
    char *payload = big_payload(BIG);
    struct sigaction action, old = { .sa_handler = SIG_DFL };
    (void) state;

    sigaction(SIGPIPE, &old, &action); /* it would end this test */
    assert_int_equal(RUN_PAYLOAD(payload, BIG, COMMAND(FIXTURE, "exit", "0")), DUEQ_DONE);
    assert_int_equal(RUN_PAYLOAD(payload, BIG, COMMAND(FIXTURE, "exit", "66")), DUEQ_DEAD);
    assert_int_equal(RUN_PAYLOAD(payload, 0, COMMAND(FIXTURE, "exit", "0")), DUEQ_DONE);
    free(payload);
}

static bool has_line(const char *text, const char *line)
{
    size_t len = strlen(line);

    for (const char *at = text; (at = strstr(at, line)); at++)
        if ((at == text || at[-1] == '\n') && (at[len] == '\n' || !at[len]))
            return true;
    return false;
}

static void the_environment_is_clean_and_complete(void **state)
{
    static const char *const expected[] = {
        "PATH=/usr/bin:/bin",
        "HOME=/home/elsewhere",
        "LANG=C.UTF-8",
        "TZ=Asia/Shanghai",
        "GREETING=two words = one",
        "DUEQ_ID=7",
        "DUEQ_MESSAGE_ID=3f6c-7",
        "DUEQ_SOURCE=main",
        "DUEQ_QUEUE=default",
        "DUEQ_KIND=order.paid",
        "DUEQ_ATTEMPT=2",
        "DUEQ_MAX_ATTEMPTS=20",
        "DUEQ_CREATED_AT=2026-11-22T08:30:00.250000Z",
        "DUEQ_DUE_AT=2026-11-22T08:31:00.000000Z",
        "DUEQ_TIMEOUT=30",
        "DUEQ_HEADERS={\"a\": 1}",
    };
    size_t lines = 1;
    (void) state;

    setenv("DUEQ_PASSWORD", "secret", 1);
    setenv("NOTIFY_SOCKET", "/run/secret", 1);
    setenv("LANG", "C.UTF-8", 1);
    setenv("TZ", "Asia/Shanghai", 1);
    setenv("HOME", "/root", 1);
    OPEN(COMMAND(FIXTURE, "environment"), { "stderr_tail", "65536", NULL },
         FAKE_LIST("environment", "PATH=/usr/bin:/bin", "HOME=/home/elsewhere",
                   "GREETING=two words = one"));
    fake_job_init(&job, "", 0);
    job.job.headers = "{\"a\": 1}";
    job.job.headers_len = strlen(job.job.headers);
    assert_int_equal(run_and_close(), DUEQ_RETRY);

    char *text = strchr(job.message, ':') + 2;
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++)
        if (!has_line(text, expected[i]))
            fail_msg("no line %s in\n%s", expected[i], text);
    for (const char *at = text; (at = strchr(at, '\n')); at++)
        lines++;
    assert_int_equal(lines, sizeof expected / sizeof expected[0]);
}

static void a_job_without_headers_has_no_variable_for_them(void **state)
{
    (void) state;
    assert_int_equal(RUN(COMMAND(FIXTURE, "environment"), { "stderr_tail", "65536", NULL }),
                     DUEQ_RETRY);
    assert_null(strstr(job.message, "DUEQ_HEADERS"));
    assert_non_null(strstr(job.message, "PATH="));
}

static void headers_too_long_for_an_environment_are_a_clear_end(void **state)
{
    char *headers = malloc(200000);
    (void) state;

    memset(headers, ' ', 200000);
    memcpy(headers, "{}", 2);
    OPEN(COMMAND(FIXTURE, "exit", "0"));
    fake_job_init(&job, "", 0);
    job.job.headers = headers;
    job.job.headers_len = 200000;
    assert_int_equal(run_and_close(), DUEQ_DEAD);
    assert_non_null(strstr(job.message, "headers (200000 bytes)"));
    free(headers);
}

static void a_program_has_four_descriptors_and_none_of_ours(void **state)
{
    int leaky = open("/dev/null", O_RDONLY); /* as a careless library would */
    (void) state;

    assert_true(leaky >= 0);
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
        cmocka_unit_test(each_exit_status_has_its_outcome),
        cmocka_unit_test(a_death_by_signal_is_a_retry_that_names_it),
        cmocka_unit_test(the_end_of_stderr_is_in_the_message),
        cmocka_unit_test(stdout_speaks_where_stderr_is_silent),
        cmocka_unit_test(a_mebibyte_of_broken_stderr_becomes_a_short_valid_text),
        cmocka_unit_test(a_payload_of_16_mib_with_nuls_arrives_whole),
        cmocka_unit_test(a_program_that_talks_while_it_is_fed_does_not_block),
        cmocka_unit_test(a_program_need_not_read_its_payload),
        cmocka_unit_test(the_environment_is_clean_and_complete),
        cmocka_unit_test(a_job_without_headers_has_no_variable_for_them),
        cmocka_unit_test(headers_too_long_for_an_environment_are_a_clear_end),
        cmocka_unit_test(a_program_has_four_descriptors_and_none_of_ours),
        cmocka_unit_test(a_program_has_no_signal_blocked_or_ignored),
        cmocka_unit_test(a_program_works_in_its_directory),
        cmocka_unit_test(a_name_is_looked_up_in_the_path_that_the_program_gets),
        cmocka_unit_test(what_cannot_be_run_is_a_retry_that_says_why),
        cmocka_unit_test(a_script_is_run_by_its_interpreter_and_no_shell_reads_the_command),
        cmocka_unit_test(a_cancelled_program_is_ended_with_its_whole_group),
        cmocka_unit_test(a_program_that_ignores_sigterm_is_killed_after_its_grace),
        cmocka_unit_test(a_program_that_says_done_because_it_was_told_to_stop_is_tried_again),
        cmocka_unit_test(a_timeout_is_called_one),
        cmocka_unit_test(what_a_program_leaves_behind_neither_holds_up_the_job_nor_survives_it),
        cmocka_unit_test(an_escaped_process_that_never_stops_talking_does_not_hold_up_the_job),
        cmocka_unit_test(eight_threads_run_programs_and_leave_no_descriptor_and_no_zombie),
        cmocka_unit_test(an_ignored_sigchld_costs_the_status_and_hangs_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
