#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "directory.h"
#include "fail.h"
#include "harness.h"
#include "wait.h"

#define MEBIBYTE (1024 * 1024)

static struct harness harness;
static struct harness_job job;

static int end(void **state)
{
    (void) state;
    harness_job_done(&job);
    harness_close(&harness);
    return 0;
}

/* noop with these options, and a job with that payload, by hand. */
static void begin(const struct config_option *options, size_t count, const char *payload)
{
    harness_open_or_fail(&harness, DUEQ_TEST_HANDLERS, "noop", options, count);
    harness_job_init(&job, payload);
}

static void begin_with_payload(const char *payload)
{
    static const struct config_option read[] = { { .name = "payload", .line = 1, .text = "true" } };
    begin(read, 1, payload);
}

static void begin_with(const char *name, const char *text)
{
    static struct config_option option;
    option = (struct config_option){ .name = name, .line = 1, .text = text };
    begin(&option, 1, "{}");
}

static void without_options_it_needs_no_instance_and_is_done(void **state)
{
    (void) state;
    begin(NULL, 0, "{\"outcome\": \"dead\"}");
    assert_null(harness.binding->instance);
    assert_int_equal(harness_run(&harness, &job), DUEQ_DONE);
}

static void options_that_say_what_it_does_anyway_need_no_instance(void **state)
{
    (void) state;
    begin_with("outcome", "done");
    assert_null(harness.binding->instance);
}

static void an_outcome_is_what_the_option_says(void **state)
{
    (void) state;
    static const struct {
        const char *name;
        int32_t outcome;
    } outcomes[] = { { "retry", DUEQ_RETRY }, { "snooze", DUEQ_SNOOZE }, { "dead", DUEQ_DEAD } };
    for (size_t i = 0; i < 3; i++) {
        begin_with("outcome", outcomes[i].name);
        assert_int_equal(harness_run(&harness, &job), outcomes[i].outcome);
        assert_int_equal(job.result.delay_us, -1);
        end(NULL);
    }
}

static void a_failure_says_why(void **state)
{
    (void) state;
    static const struct config_option options[] = {
        { .name = "outcome", .line = 1, .text = "dead" },
        { .name = "message", .line = 2, .text = "no such order" },
        { .name = "delay", .line = 3, .text = "3s" },
    };
    begin(options, 3, "");
    assert_int_equal(harness_run(&harness, &job), DUEQ_DEAD);
    assert_string_equal(job.message, "no such order");
    assert_int_equal(job.result.delay_us, 3000000);
}

static void the_first_attempts_fail_and_the_next_one_is_done(void **state)
{
    (void) state;
    begin_with("fail_times", "2");
    assert_int_equal(harness_run(&harness, &job), DUEQ_RETRY);
    assert_string_equal(job.message, "attempt 1 was told to fail");
    job.job.attempt = 2;
    assert_int_equal(harness_run(&harness, &job), DUEQ_RETRY);
    job.job.attempt = 3;
    assert_int_equal(harness_run(&harness, &job), DUEQ_DONE);
}

static void payloads_are_read_only_where_an_option_says_so(void **state)
{
    (void) state;
    begin_with("outcome", "retry");
    job.job.payload = "{\"outcome\": \"done\"}";
    job.job.payload_len = strlen(job.job.payload);
    assert_int_equal(harness_run(&harness, &job), DUEQ_RETRY);
}

static void a_payload_goes_before_the_options(void **state)
{
    (void) state;
    static const struct config_option options[] = {
        { .name = "payload", .line = 1, .text = "true" },
        { .name = "outcome", .line = 2, .text = "dead" },
        { .name = "message", .line = 3, .text = "by option" },
    };
    begin(options, 3, "{\"outcome\": \"retry\", \"delay_ms\": 1500, \"message\": \"by payload\"}");
    assert_int_equal(harness_run(&harness, &job), DUEQ_RETRY);
    assert_string_equal(job.message, "by payload");
    assert_int_equal(job.result.delay_us, 1500000);
}

static void what_a_payload_does_not_say_is_as_the_options_say(void **state)
{
    (void) state;
    static const struct config_option options[] = {
        { .name = "payload", .line = 1, .text = "true" },
        { .name = "outcome", .line = 2, .text = "dead" },
        { .name = "message", .line = 3, .text = "by option" },
    };
    static const char *const payloads[] = {
        "", "text", "[1]", "{}", "{\"order\": 1}", "{not json", "{\"outcome\": \"done\"} behind it"
    };
    for (size_t i = 0; i < sizeof payloads / sizeof *payloads; i++) {
        begin(options, 3, payloads[i]);
        assert_int_equal(harness_run(&harness, &job), DUEQ_DEAD);
        assert_string_equal(job.message, "by option");
        end(NULL);
    }
}

static void a_payload_of_known_keys_and_bad_values_is_dead_and_says_which(void **state)
{
    (void) state;
    static const char *const payloads[][2] = {
        { "{\"sleep_ms\": -1}", "sleep_ms: expected a number from 0 to 86400000" },
        { "{\"sleep_ms\": \"5\"}", "sleep_ms: expected a number" },
        { "{\"delay_ms\": true}", "delay_ms: expected a number" },
        { "{\"fail_times\": 5e9}", "fail_times: expected a number" },
        { "{\"message_bytes\": 16777217}", "message_bytes: expected a number from 0 to 16777216" },
        { "{\"outcome\": \"maybe\"}", "outcome: expected done, retry, snooze, dead or pending" },
        { "{\"finish\": \"pending\"}", "finish: expected done, retry, snooze or dead" },
    };
    for (size_t i = 0; i < sizeof payloads / sizeof *payloads; i++) {
        begin_with_payload(payloads[i][0]);
        assert_int_equal(harness_run(&harness, &job), DUEQ_DEAD);
        assert_non_null(strstr(job.message, payloads[i][1]));
        end(NULL);
    }
}

static void a_sleep_ends_when_the_run_is_cancelled(void **state)
{
    (void) state;
    begin_with("sleep", "1d"); /* hangs where it does not */
    harness_cancel(&job);
    assert_int_equal(harness_run(&harness, &job), DUEQ_RETRY);
    assert_string_equal(job.message, "cancelled");
}

static void a_sleep_comes_to_its_end(void **state)
{
    (void) state;
    begin_with_payload("{\"sleep_ms\": 20}");
    assert_int_equal(harness_run(&harness, &job), DUEQ_DONE);
}

static void *run_in_thread(void *outcome)
{
    *(int32_t *) outcome = harness_run(&harness, &job);
    return NULL;
}

static bool has_lines(void *file)
{
    char *text = test_file_read(file);
    bool has = *text != '\0';
    free(text);
    return has;
}

static void a_run_that_is_cancelled_while_it_sleeps_ends(void **state)
{
    (void) state;
    char file[256];
    snprintf(file, sizeof file, "%s/runs", test_directory_new());
    const struct config_option options[] = {
        { .name = "journal", .line = 1, .text = file },
        { .name = "sleep", .line = 2, .text = "1d" },
    };
    begin(options, 2, "");
    pthread_t thread;
    int32_t outcome = -1;
    assert_int_equal(pthread_create(&thread, NULL, run_in_thread, &outcome), 0);
    bool began = wait_until(has_lines, file, 30);
    harness_cancel(&job);
    pthread_join(thread, NULL);
    assert_true(began);
    assert_int_equal(outcome, DUEQ_RETRY);
    assert_string_equal(job.message, "cancelled");
}

static void a_pending_run_is_finished_from_another_thread(void **state)
{
    (void) state;
    begin_with_payload("{\"outcome\": \"pending\", \"sleep_ms\": 5}");
    assert_int_equal(harness_run(&harness, &job), DUEQ_PENDING);
    assert_true(harness_wait(&job));
    assert_int_equal(job.outcome, DUEQ_DONE);
    assert_string_equal(job.finish_message, "");
}

static void a_pending_run_may_fail_first_and_end_otherwise_later(void **state)
{
    (void) state;
    static const struct config_option options[] = {
        { .name = "outcome", .line = 1, .text = "pending" },
        { .name = "fail_times", .line = 2, .text = "1" },
        { .name = "finish", .line = 3, .text = "dead" },
        { .name = "delay", .line = 4, .text = "2s" },
    };
    begin(options, 4, "");
    assert_int_equal(harness_run(&harness, &job), DUEQ_PENDING);
    assert_true(harness_wait(&job));
    assert_int_equal(job.outcome, DUEQ_RETRY);
    assert_int_equal(job.delay_us, 2000000);
    harness_job_done(&job);

    harness_job_init(&job, "");
    job.job.attempt = 2;
    assert_int_equal(harness_run(&harness, &job), DUEQ_PENDING);
    assert_true(harness_wait(&job));
    assert_int_equal(job.outcome, DUEQ_DEAD);
}

static void a_pending_run_that_is_cancelled_is_finished_at_once(void **state)
{
    (void) state;
    begin_with_payload("{\"outcome\": \"pending\", \"sleep_ms\": 86400000}");
    assert_int_equal(harness_run(&harness, &job), DUEQ_PENDING);
    harness_cancel(&job);
    assert_true(harness_wait(&job));
    assert_int_equal(job.outcome, DUEQ_RETRY);
    assert_string_equal(job.finish_message, "cancelled");
}

static void many_pending_runs_are_each_finished_once(void **state)
{
    (void) state;
    enum { MANY = 500 };
    static struct harness_job jobs[MANY];
    begin_with("outcome", "pending");
    for (size_t i = 0; i < MANY; i++) {
        harness_job_init(&jobs[i], "");
        assert_int_equal(harness_run(&harness, &jobs[i]), DUEQ_PENDING);
    }
    for (size_t i = 0; i < MANY; i++)
        assert_true(harness_wait(&jobs[i]));
    end(NULL); /* what it does in its own thread has ended then */
    for (size_t i = 0; i < MANY; i++) {
        assert_int_equal(jobs[i].finish_count, 1);
        harness_job_done(&jobs[i]);
    }
}

static void a_long_message_is_cut_where_run_returns_it(void **state)
{
    (void) state;
    begin_with_payload(
        "{\"outcome\": \"retry\", \"message\": \"abc\", \"message_bytes\": 1048576}");
    assert_int_equal(harness_run(&harness, &job), DUEQ_RETRY);
    assert_int_equal(strlen(job.message), sizeof job.message - 1);
    assert_memory_equal(job.message, "abcabcabca", 10);
}

static void a_long_message_is_whole_where_finish_is_given_it(void **state)
{
    (void) state;
    begin_with_payload("{\"outcome\": \"pending\", \"finish\": \"dead\", \"message\": \"abc\", "
                       "\"message_bytes\": 1048576}");
    assert_int_equal(harness_run(&harness, &job), DUEQ_PENDING);
    assert_true(harness_wait(&job));
    assert_int_equal(strlen(job.finish_message), MEBIBYTE);
    assert_memory_equal(job.finish_message + MEBIBYTE - 4, "abca", 4);
}

static void a_journal_has_a_line_for_each_run(void **state)
{
    (void) state;
    char file[256], end_file[256], expected[512];
    const char *directory = test_directory_new();
    snprintf(file, sizeof file, "%s/runs", directory);
    snprintf(end_file, sizeof end_file, "%s/ends", directory);
    test_file_write(file, 0644, "before\n");
    const struct config_option options[] = {
        { .name = "journal", .line = 1, .text = file },
        { .name = "journal_end", .line = 2, .text = end_file },
        { .name = "payload", .line = 3, .text = "true" },
    };
    begin(options, 3, "");
    assert_int_equal(harness_run(&harness, &job), DUEQ_DONE);
    job.job.attempt = 2;
    job.job.payload = "{\"outcome\": \"pending\"}";
    job.job.payload_len = strlen(job.job.payload);
    assert_int_equal(harness_run(&harness, &job), DUEQ_PENDING);
    assert_true(harness_wait(&job));

    snprintf(expected, sizeof expected, "before\n%s 1 %ld\n%s 2 %ld\n", job.job.message_id,
             (long) getpid(), job.job.message_id, (long) getpid());
    char *text = test_file_read(file);
    assert_string_equal(text, expected);
    free(text);
    text = test_file_read(end_file);
    assert_string_equal(text, expected + strlen("before\n"));
    free(text);
}

static void a_journal_that_cannot_be_written_fails_the_run(void **state)
{
    (void) state;
    begin_with("journal", "/dev/full");
    assert_int_equal(harness_run(&harness, &job), DUEQ_RETRY);
    assert_string_equal(job.message, "writing journal: No space left on device");
}

static void bad_options_are_all_named(void **state)
{
    (void) state;
    static const struct config_option options[] = {
        { .name = "sleep", .line = 1, .text = "2d" },
        { .name = "outcome", .line = 2, .text = "maybe" },
        { .name = "finish", .line = 3, .text = "pending" },
        { .name = "fail_times", .line = 4, .text = "-1" },
        { .name = "delay", .line = 5, .text = "soon" },
        { .name = "message_bytes", .line = 6, .text = "16777217" },
        { .name = "payload", .line = 7, .text = "1" },
        { .name = "journal", .line = 8, .text = "/nowhere/at/all" },
    };
    assert_int_equal(harness_open(&harness, DUEQ_TEST_HANDLERS, "noop", options, 8), 0);
    assert_null(harness.binding);
    assert_true(
        harness_reported(&harness, "test.conf:1: kinds[0].options.sleep: expected a duration"));
    assert_true(
        harness_reported(&harness, "test.conf:2: kinds[0].options.outcome: expected done, retry,"));
    assert_true(
        harness_reported(&harness, "test.conf:3: kinds[0].options.finish: expected done, retry,"));
    assert_true(harness_reported(&harness,
                                 "test.conf:4: kinds[0].options.fail_times: expected an integer"));
    assert_true(
        harness_reported(&harness, "test.conf:5: kinds[0].options.delay: expected a duration"));
    assert_true(
        harness_reported(&harness, "test.conf:6: kinds[0].options.message_bytes: expected an"));
    assert_true(
        harness_reported(&harness, "test.conf:7: kinds[0].options.payload: expected true or"));
    assert_true(
        harness_reported(&harness, "test.conf:8: kinds[0].options.journal: /nowhere/at/all: No"));
}

#define noop_test(name) cmocka_unit_test_teardown(name, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        noop_test(without_options_it_needs_no_instance_and_is_done),
        noop_test(options_that_say_what_it_does_anyway_need_no_instance),
        noop_test(an_outcome_is_what_the_option_says),
        noop_test(a_failure_says_why),
        noop_test(the_first_attempts_fail_and_the_next_one_is_done),
        noop_test(payloads_are_read_only_where_an_option_says_so),
        noop_test(a_payload_goes_before_the_options),
        noop_test(what_a_payload_does_not_say_is_as_the_options_say),
        noop_test(a_payload_of_known_keys_and_bad_values_is_dead_and_says_which),
        noop_test(a_sleep_ends_when_the_run_is_cancelled),
        noop_test(a_sleep_comes_to_its_end),
        noop_test(a_run_that_is_cancelled_while_it_sleeps_ends),
        noop_test(a_pending_run_is_finished_from_another_thread),
        noop_test(a_pending_run_may_fail_first_and_end_otherwise_later),
        noop_test(a_pending_run_that_is_cancelled_is_finished_at_once),
        noop_test(many_pending_runs_are_each_finished_once),
        noop_test(a_long_message_is_cut_where_run_returns_it),
        noop_test(a_long_message_is_whole_where_finish_is_given_it),
        noop_test(a_journal_has_a_line_for_each_run),
        noop_test(a_journal_that_cannot_be_written_fails_the_run),
        noop_test(bad_options_are_all_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
