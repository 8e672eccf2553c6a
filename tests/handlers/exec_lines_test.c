#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <jansson.h>

#include "exec_fake_host.h"

/* Long-lived children: exec_fixture speaks the protocol; a payload that begins with '!' tells it to
 * misbehave, another one is the line that it answers with. */

static struct fake fake;
static struct fake_job job;

#define COMMAND(...) FAKE_LIST("command", FIXTURE, __VA_ARGS__)
#define LINES                                                                                      \
    {                                                                                              \
        "mode", "lines", NULL                                                                      \
    }
#define OPTIONS(...)                                                                               \
    (const struct fake_option[])                                                                   \
    {                                                                                              \
        __VA_ARGS__                                                                                \
    }
#define OPEN(...)                                                                                  \
    fake_open_or_fail(&fake, OPTIONS(__VA_ARGS__),                                                 \
                      sizeof OPTIONS(__VA_ARGS__) / sizeof(struct fake_option))

static int32_t run(const char *payload)
{
    return fake_run_text(&fake, &job, payload);
}

static uint64_t ask(const char *payload)
{
    assert_int_equal(run(payload), DUEQ_RETRY);
    return strtoull(job.message, NULL, 10);
}

static void a_child_answers_with_any_outcome(void **state)
{
    (void) state;
    OPEN(COMMAND("lines"), LINES);
    assert_int_equal(run("{\"outcome\":\"done\"}"), DUEQ_DONE);
    assert_int_equal(run("{\"outcome\":\"retry\",\"message\":\"busy\",\"delay\":\"30s\"}"),
                     DUEQ_RETRY);
    assert_string_equal(job.message, "busy");
    assert_int_equal(job.result.delay_us, 30000000);
    assert_int_equal(run("{\"outcome\":\"snooze\",\"delay\":0.5}"), DUEQ_SNOOZE);
    assert_int_equal(job.result.delay_us, 500000);
    assert_int_equal(run("{\"outcome\":\"dead\",\"message\":\"no such order\"}"), DUEQ_DEAD);
    assert_string_equal(job.message, "no such order");
    fake_close_clean(&fake);
}

static void a_child_is_told_all_about_the_job(void **state)
{
    (void) state;
    OPEN(COMMAND("lines"), LINES);
    fake_job_init(&job, "!echo", 5);
    job.job.headers = "{\n \"a\": [1]\n}";
    job.job.headers_len = strlen(job.job.headers);
    assert_int_equal(fake_run(&fake, &job), DUEQ_RETRY);
    json_t *told = json_loads(job.message, 0, NULL);
    assert_int_equal(json_integer_value(json_object_get(told, "id")), 7);
    assert_int_equal(json_integer_value(json_object_get(told, "attempt")), 2);
    assert_int_equal(json_array_size(json_object_get(json_object_get(told, "headers"), "a")), 1);
    assert_string_equal(json_string_value(json_object_get(told, "payload")), "!echo");
    json_decref(told);
    fake_close_clean(&fake);
}

static void one_child_serves_job_after_job(void **state)
{
    (void) state;
    OPEN(COMMAND("lines"), LINES);
    uint64_t pid = ask("!pid");
    for (uint64_t i = 2; i < 500; i++)
        assert_int_equal(ask("!jobs"), i);
    assert_int_equal(ask("!pid"), pid);
    fake_close_clean(&fake);
}

static void no_more_children_are_started_than_are_needed(void **state)
{
    const char *file = scratch("counted");
    (void) state;

    OPEN(COMMAND("lines-counted", file), LINES, { "children", "4", NULL });
    for (int i = 0; i < 100; i++)
        assert_int_equal(run("!stderr 1"), DUEQ_DONE); /* which makes the keeper look up */
    assert_int_equal(file_size(file), 1);
    fake_close_clean(&fake);
}

static void a_message_has_only_what_was_said_since_the_last_answer(void **state)
{
    (void) state;
    OPEN(COMMAND("lines"), LINES, { "children", "1", NULL });
    assert_int_equal(run("!stderr 1"), DUEQ_DONE);
    eventually(fake_logged(&fake, "line 1"));
    assert_int_equal(run("{\"outcome\":\"done\"}"), DUEQ_DONE);
    assert_int_equal(run("!exit 3"), DUEQ_RETRY);
    assert_string_equal(job.message, "the child ended before it had answered; exit status 3");
    fake_close_clean(&fake);
}

static void a_crash_is_a_retry_with_its_signal_and_last_words(void **state)
{
    (void) state;
    OPEN(COMMAND("lines"), LINES);
    uint64_t pid = ask("!pid");
    assert_int_equal(run("!crash"), DUEQ_RETRY);
    assert_string_equal(job.message, "the child ended before it had answered; "
                                     "killed by signal 10 (SIGUSR1): last words");
    assert_int_not_equal(ask("!pid"), pid);
    fake_close_clean(&fake);
}

static void an_exit_before_the_answer_is_a_retry_whatever_its_status(void **state)
{
    (void) state;
    OPEN(COMMAND("lines"), LINES);
    ask("!pid");
    assert_int_equal(run("!exit 0"), DUEQ_RETRY);
    assert_string_equal(job.message,
                        "the child ended before it had answered; exit status 0 (EX_OK)");
    ask("!pid");
    assert_int_equal(run("!exit 65"), DUEQ_RETRY);
    ask("!pid");
    assert_int_equal(run("!half"), DUEQ_RETRY);
    fake_close_clean(&fake);
}

static void a_death_is_noticed_though_an_escaped_process_holds_the_pipes(void **state)
{
    const char *file = scratch("escape");
    char payload[300];
    pid_t pids[2];
    (void) state;

    OPEN(COMMAND("lines"), LINES);
    snprintf(payload, sizeof payload, "!escape %s", file);
    assert_int_equal(run(payload), DUEQ_RETRY);
    assert_string_equal(job.message, "the child ended before it had answered; exit status 3");
    assert_true(read_pids(file, pids));
    assert_false(is_gone(pids[0]));
    kill(pids[0], SIGKILL);
    fake_close_clean(&fake);
}

static void a_line_that_is_no_answer_is_shown_and_costs_the_child(void **state)
{
    (void) state;
    OPEN(COMMAND("lines"), LINES);
    uint64_t pid = ask("!pid");
    assert_int_equal(run("PHP Warning: Undefined variable"), DUEQ_RETRY);
    assert_string_equal(job.message,
                        "the child's answer is not a JSON object: PHP Warning: Undefined variable");
    assert_int_equal(job.result.delay_us, -1);
    assert_true(is_gone((pid_t) pid));
    assert_int_not_equal(ask("!pid"), pid);
    fake_close_clean(&fake);
}

static void an_answer_without_end_is_cut_off(void **state)
{
    (void) state;
    OPEN(COMMAND("lines"), LINES);
    ask("!pid");
    assert_int_equal(run("!long"), DUEQ_RETRY);
    assert_memory_equal(job.message, "the child's answer has more than 65536 bytes: zzz", 49);
    assert_in_range(strlen(job.message), 100, 400);
    fake_close_clean(&fake);
}

static void a_line_too_many_costs_the_child_and_not_the_job(void **state)
{
    (void) state;
    OPEN(COMMAND("lines"), LINES, { "children", "1", NULL });
    uint64_t pid = ask("!pid");
    /* "dead" must not be taken for what the next job came to */
    assert_int_equal(run("{\"outcome\":\"done\"}\n{\"outcome\":\"dead\"}"), DUEQ_DONE);
    assert_int_equal(run("{\"outcome\":\"done\"}"), DUEQ_DONE);
    assert_int_not_equal(ask("!pid"), pid);
    assert_true(fake_logged(&fake, "a child is replaced"));
    fake_close_clean(&fake);
}

static void what_a_child_says_while_it_has_no_job_is_not_taken_for_the_next_answer(void **state)
{
    const char *file = scratch("afterthought");
    char text[300];
    pid_t pids[2];
    (void) state;

    OPEN(COMMAND("lines"), LINES, { "children", "1", NULL });
    snprintf(text, sizeof text, "!afterthought %s", file);
    assert_int_equal(run(text), DUEQ_DONE);
    snprintf(text, sizeof text, "%s.go", file);
    fclose(fopen(text, "we"));
    eventually(read_pids(file, pids));
    assert_int_equal(run("{\"outcome\":\"done\"}"), DUEQ_DONE);
    assert_true(fake_logged(&fake, "wrote to stdout while it had no job: {\"outcome\":\"dead\""));
    assert_true(is_gone(pids[0]));
    fake_close_clean(&fake);
}

static void a_banner_is_not_taken_for_an_answer(void **state)
{
    (void) state;
    OPEN(COMMAND("lines-banner"), LINES);
    int32_t outcome = run("{\"outcome\":\"done\"}");
    /* It came after the job was written (then it is what was answered), or before (then no child
     * had the job). */
    assert_true(outcome == DUEQ_RETRY || outcome == DUEQ_SNOOZE);
    assert_non_null(strstr(outcome == DUEQ_RETRY ? job.message : fake.log, "Welcome!"));
    fake_close_clean(&fake);
}

static void a_child_that_ends_after_an_answer_costs_no_job_an_attempt(void **state)
{
    (void) state;
    OPEN(COMMAND("lines"), LINES, { "children", "1", NULL });
    for (int i = 0; i < 50; i++)
        assert_int_equal(run("!answer-and-exit"), DUEQ_DONE);
    assert_int_equal(run("{\"outcome\":\"done\"}"), DUEQ_DONE);
    assert_false(fake_logged(&fake, "<4>"));
    fake_close_clean(&fake);
}

static void a_child_that_was_killed_while_it_had_nothing_to_do_is_replaced(void **state)
{
    (void) state;
    OPEN(COMMAND("lines"), LINES, { "children", "1", NULL });
    uint64_t pid = ask("!pid");
    kill((pid_t) pid, SIGKILL);
    eventually(is_gone((pid_t) pid)); /* until then it may still read */
    assert_int_equal(run("{\"outcome\":\"done\"}"), DUEQ_DONE);
    assert_int_not_equal(ask("!pid"), pid);
    fake_close_clean(&fake);
}

static void a_child_that_answers_before_it_has_read_all_is_replaced(void **state)
{
    size_t len = 1 << 20;
    char *payload = malloc(len);
    (void) state;

    memset(payload, 'x', len);
    OPEN(COMMAND("lines-deaf"), LINES, { "children", "1", NULL });
    for (int i = 0; i < 2; i++) {
        fake_job_init(&job, payload, len);
        assert_int_equal(fake_run(&fake, &job), DUEQ_DONE);
    }
    free(payload);
    fake_close_clean(&fake);
}

static void a_payload_of_16_mib_with_nuls_comes_through(void **state)
{
    static const char answer[] = "{\"outcome\":\"done\"}";
    size_t len = 16 << 20;
    char *payload = malloc(len);
    (void) state;

    /* the fixture's answer is the payload up to its first NUL */
    memset(payload, '\0', len);
    memcpy(payload, answer, strlen(answer));
    OPEN(COMMAND("lines"), LINES);
    fake_job_init(&job, payload, len);
    job.job.timeout_us = 0;
    assert_int_equal(fake_run(&fake, &job), DUEQ_DONE);
    fake_job_init(&job, payload, len - 1);
    payload[len - 1] = '\xff';
    assert_int_equal(fake_run(&fake, &job), DUEQ_DONE);
    fake_job_init(&job, payload, len);
    assert_int_equal(fake_run(&fake, &job), DUEQ_DEAD);
    assert_non_null(strstr(job.message, "not UTF-8"));
    free(payload);
    fake_close_clean(&fake);
}

static void children_are_retired_after_max_jobs(void **state)
{
    (void) state;
    OPEN(COMMAND("lines"), LINES, { "children", "2", NULL }, { "max_jobs", "3", NULL });
    for (int i = 0; i < 30; i++)
        assert_in_range(ask("!jobs"), 1, 3);
    assert_false(fake_logged(&fake, "<4>"));
    fake_close_clean(&fake);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_child_answers_with_any_outcome),
        cmocka_unit_test(a_child_is_told_all_about_the_job),
        cmocka_unit_test(one_child_serves_job_after_job),
        cmocka_unit_test(no_more_children_are_started_than_are_needed),
        cmocka_unit_test(a_message_has_only_what_was_said_since_the_last_answer),
        cmocka_unit_test(a_crash_is_a_retry_with_its_signal_and_last_words),
        cmocka_unit_test(an_exit_before_the_answer_is_a_retry_whatever_its_status),
        cmocka_unit_test(a_death_is_noticed_though_an_escaped_process_holds_the_pipes),
        cmocka_unit_test(a_line_that_is_no_answer_is_shown_and_costs_the_child),
        cmocka_unit_test(an_answer_without_end_is_cut_off),
        cmocka_unit_test(a_line_too_many_costs_the_child_and_not_the_job),
        cmocka_unit_test(what_a_child_says_while_it_has_no_job_is_not_taken_for_the_next_answer),
        cmocka_unit_test(a_banner_is_not_taken_for_an_answer),
        cmocka_unit_test(a_child_that_ends_after_an_answer_costs_no_job_an_attempt),
        cmocka_unit_test(a_child_that_was_killed_while_it_had_nothing_to_do_is_replaced),
        cmocka_unit_test(a_child_that_answers_before_it_has_read_all_is_replaced),
        cmocka_unit_test(a_payload_of_16_mib_with_nuls_comes_through),
        cmocka_unit_test(children_are_retired_after_max_jobs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
