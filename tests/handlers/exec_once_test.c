#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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

static void there_is_always_a_path(void **state)
{
    char *path = strdup(getenv("PATH"));
    (void) state;

    unsetenv("PATH");
    int32_t outcome = RUN(COMMAND("sh", "-c", "echo $PATH >&2; exit 1"));
    setenv("PATH", path, 1);
    free(path);
    assert_int_equal(outcome, DUEQ_RETRY);
    assert_non_null(strstr(job.message, ":/usr/bin:"));
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
        cmocka_unit_test(there_is_always_a_path),
        cmocka_unit_test(a_job_without_headers_has_no_variable_for_them),
        cmocka_unit_test(headers_too_long_for_an_environment_are_a_clear_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
