#include "task.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define SECOND INT64_C(1000000)

static const struct retry_policy policy = {
    .name = "test", .first_us = 10 * SECOND, .factor = 2, .max_us = 60 * SECOND, .max_attempts = 3
};

static struct task a_task(uint32_t attempt)
{
    return (struct task){ .job = { .id = 7, .lease = 99, .attempts = attempt }, .retry = &policy };
}

static void resolve(struct task *task, int32_t said, int64_t delay_us, const char *message)
{
    task_resolve(task, said, delay_us, message, strlen(message));
}

static void an_outcome_carries_what_the_fence_needs(void **state)
{
    (void) state;
    struct task task = a_task(2);
    task.job.due_at_us = 1234;
    resolve(&task, DUEQ_DONE, -1, "");
    task_identify(&task);
    assert_int_equal(task.outcome.kind, OUTCOME_DONE);
    assert_int_equal(task.outcome.due_at_us, 1234);
    assert_int_equal(task.outcome.id, 7);
    assert_int_equal(task.outcome.lease, 99);
    assert_int_equal(task.outcome.attempt, 2);
    assert_int_equal(task.outcome.result, SETTLE_OPEN);
}

static void a_retry_waits_as_the_policy_says(void **state)
{
    (void) state;
    struct task task = a_task(2);
    resolve(&task, DUEQ_RETRY, -1, "not yet");
    assert_int_equal(task.outcome.kind, OUTCOME_RETRY);
    assert_int_equal(task.outcome.delay_us, 20 * SECOND);
    assert_string_equal(task.outcome.message, "not yet");
    free(task.message);
}

static void a_delay_that_the_handler_asks_for_is_clamped(void **state)
{
    (void) state;
    struct task task = a_task(1);
    resolve(&task, DUEQ_RETRY, 3600 * SECOND, "later");
    assert_int_equal(task.outcome.delay_us, 60 * SECOND);
    free(task.message);
}

static void the_last_attempt_is_dead_and_exhausted(void **state)
{
    (void) state;
    struct task task = a_task(3);
    resolve(&task, DUEQ_RETRY, -1, "no more");
    assert_int_equal(task.outcome.kind, OUTCOME_DEAD);
    assert_int_equal(task.outcome.reason, DEAD_EXHAUSTED);
    free(task.message);
}

static void dead_is_dead_at_once_by_the_handler(void **state)
{
    (void) state;
    struct task task = a_task(1);
    resolve(&task, DUEQ_DEAD, -1, "bad input");
    assert_int_equal(task.outcome.kind, OUTCOME_DEAD);
    assert_int_equal(task.outcome.reason, DEAD_HANDLER);
    free(task.message);
}

static void a_snooze_waits_a_second_unless_told_otherwise_and_needs_no_message(void **state)
{
    (void) state;
    struct task task = a_task(3);
    resolve(&task, DUEQ_SNOOZE, -1, "");
    assert_int_equal(task.outcome.kind, OUTCOME_SNOOZE);
    assert_int_equal(task.outcome.delay_us, SECOND);
    resolve(&task, DUEQ_SNOOZE, 0, "");
    assert_int_equal(task.outcome.delay_us, 0);
}

static void a_number_that_is_no_outcome_is_a_retry_that_says_so(void **state)
{
    (void) state;
    struct task task = a_task(1);
    resolve(&task, 42, -1, "");
    assert_int_equal(task.outcome.kind, OUTCOME_RETRY);
    assert_non_null(strstr(task.outcome.message, "42"));
    free(task.message);
}

static void a_handler_that_says_nothing_is_quoted_so(void **state)
{
    (void) state;
    struct task task = a_task(1);
    resolve(&task, DUEQ_RETRY, -1, "");
    assert_string_equal(task.outcome.message, "the handler gave no reason");
    free(task.message);
}

static void a_message_is_made_valid_and_cut(void **state)
{
    (void) state;
    struct task task = a_task(1);
    enum { HUGE = 1024 * 1024 };
    char *huge = malloc(HUGE);
    assert_non_null(huge);
    memset(huge, 'e', HUGE);
    memcpy(huge, "\xff\xc3", 2);
    task_resolve(&task, DUEQ_RETRY, -1, huge, HUGE);
    assert_int_equal(task.outcome.message_len, TASK_MESSAGE_SIZE - 1);
    assert_memory_equal(task.outcome.message,
                        "\xef\xbf\xbd\xef\xbf\xbd"
                        "ee",
                        8);
    free(huge);
    free(task.message);
}

static void a_retry_because_the_daemon_ends_costs_no_attempt(void **state)
{
    (void) state;
    struct task task = a_task(3);
    task.shutdown = true;
    resolve(&task, DUEQ_RETRY, -1, "cancelled");
    assert_int_equal(task.outcome.kind, OUTCOME_RELEASE);
    resolve(&task, DUEQ_DONE, -1, "");
    assert_int_equal(task.outcome.kind, OUTCOME_DONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_outcome_carries_what_the_fence_needs),
        cmocka_unit_test(a_retry_waits_as_the_policy_says),
        cmocka_unit_test(a_delay_that_the_handler_asks_for_is_clamped),
        cmocka_unit_test(the_last_attempt_is_dead_and_exhausted),
        cmocka_unit_test(dead_is_dead_at_once_by_the_handler),
        cmocka_unit_test(a_snooze_waits_a_second_unless_told_otherwise_and_needs_no_message),
        cmocka_unit_test(a_number_that_is_no_outcome_is_a_retry_that_says_so),
        cmocka_unit_test(a_handler_that_says_nothing_is_quoted_so),
        cmocka_unit_test(a_message_is_made_valid_and_cut),
        cmocka_unit_test(a_retry_because_the_daemon_ends_costs_no_attempt),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
