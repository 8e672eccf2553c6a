#include "retry_policy.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#define SECOND 1000000LL
#define MINUTE (60 * SECOND)
#define HOUR (60 * MINUTE)
#define MIDDLE 0.5 /* the spread that leaves a delay as it is */

static const struct retry_policy doubling = {
    .name = "doubling",
    .first_us = SECOND,
    .factor = 2,
    .max_us = MINUTE,
    .jitter = 0.1,
    .max_attempts = 20,
};

static const int64_t two_delays[] = { 15 * SECOND, 30 * SECOND };
static const struct retry_policy notify = {
    .name = "notify",
    .schedule_us = two_delays,
    .schedule_len = 2,
    .max_us = HOUR,
    .max_attempts = 3,
};

static struct retry_failure failure(uint32_t attempt, double spread)
{
    return (struct retry_failure){ .attempt = attempt, .asked_us = -1, .spread = spread };
}

static int64_t delay_after(const struct retry_policy *policy, uint32_t attempt, double spread)
{
    int64_t delay_us = -1;
    struct retry_failure failed = failure(attempt, spread);
    assert_int_equal(retry_policy_next(policy, &failed, &delay_us), RETRY_LATER);
    return delay_us;
}

static void assert_exhausted(const struct retry_policy *policy, struct retry_failure failed)
{
    int64_t delay_us = 7;
    assert_int_equal(retry_policy_next(policy, &failed, &delay_us), RETRY_EXHAUSTED);
    assert_int_equal(delay_us, 7);
}

static const struct retry_policy *builtin(const char *name)
{
    for (size_t i = 0; i < retry_policy_builtin_count(); i++)
        if (strcmp(retry_policy_builtin[i].name, name) == 0)
            return &retry_policy_builtin[i];
    fail_msg("no built-in policy %s", name);
    return NULL;
}

/* The delays after attempt 1, 2, … and then no more. */
static void assert_delays(const char *name, const int64_t *delays_us, uint32_t count)
{
    const struct retry_policy *policy = builtin(name);
    for (uint32_t i = 0; i < count; i++)
        assert_int_equal(delay_after(policy, i + 1, MIDDLE), delays_us[i]);
    assert_int_equal(retry_policy_limit(policy, 0), count + 1);
    assert_exhausted(policy, failure(count + 1, MIDDLE));
}

static void there_are_five_policies_and_exponential_comes_first(void **state)
{
    (void) state;
    assert_int_equal(retry_policy_builtin_count(), 5);
    assert_string_equal(retry_policy_builtin[0].name, "exponential");
}

static void exponential_doubles_from_a_second_to_an_hour_over_20_attempts(void **state)
{
    (void) state;
    static const int64_t delays[] = {
        SECOND,        2 * SECOND,    4 * SECOND,   8 * SECOND,   16 * SECOND,
        32 * SECOND,   64 * SECOND,   128 * SECOND, 256 * SECOND, 512 * SECOND,
        1024 * SECOND, 2048 * SECOND, HOUR,         HOUR,         HOUR,
        HOUR,          HOUR,          HOUR,         HOUR,
    };
    assert_delays("exponential", delays, 19);
    assert_int_equal(delay_after(builtin("exponential"), 1, 0), 900000);
}

static void fixed_waits_half_a_minute_each_time(void **state)
{
    (void) state;
    int64_t delays[19];
    for (int i = 0; i < 19; i++)
        delays[i] = 30 * SECOND;
    assert_delays("fixed", delays, 19);
}

static void wechatpay_repeats_as_wechat_pay_does(void **state)
{
    (void) state;
    static const int64_t delays[] = {
        15 * SECOND, 15 * SECOND, 30 * SECOND, 3 * MINUTE,  10 * MINUTE,
        20 * MINUTE, 30 * MINUTE, 30 * MINUTE, 30 * MINUTE, 60 * MINUTE,
        3 * HOUR,    3 * HOUR,    3 * HOUR,    6 * HOUR,    6 * HOUR,
    };
    assert_delays("wechatpay", delays, 15);
}

static void alipay_repeats_as_alipay_does(void **state)
{
    (void) state;
    static const int64_t delays[] = {
        4 * MINUTE, 10 * MINUTE, 10 * MINUTE, HOUR, 2 * HOUR, 6 * HOUR, 15 * HOUR,
    };
    assert_delays("alipay", delays, 7);
}

static void rocketmq_has_its_sixteen_levels(void **state)
{
    (void) state;
    static const int64_t delays[] = {
        10 * SECOND, 30 * SECOND, 1 * MINUTE, 2 * MINUTE, 3 * MINUTE, 4 * MINUTE,
        5 * MINUTE,  6 * MINUTE,  7 * MINUTE, 8 * MINUTE, 9 * MINUTE, 10 * MINUTE,
        20 * MINUTE, 30 * MINUTE, 1 * HOUR,   2 * HOUR,
    };
    assert_delays("rocketmq", delays, 16);
}

static void the_payment_and_broker_schedules_are_exact(void **state)
{
    (void) state;
    static const char *const names[] = { "wechatpay", "alipay", "rocketmq", "fixed" };
    for (size_t i = 0; i < 4; i++)
        for (uint32_t attempt = 1; attempt < builtin(names[i])->max_attempts; attempt++)
            assert_int_equal(delay_after(builtin(names[i]), attempt, 0),
                             delay_after(builtin(names[i]), attempt, 0.999));
}

static void a_curve_doubles_until_its_maximum(void **state)
{
    (void) state;
    assert_int_equal(delay_after(&doubling, 1, MIDDLE), SECOND);
    assert_int_equal(delay_after(&doubling, 2, MIDDLE), 2 * SECOND);
    assert_int_equal(delay_after(&doubling, 6, MIDDLE), 32 * SECOND);
    assert_int_equal(delay_after(&doubling, 7, MIDDLE), 60 * SECOND);
    assert_int_equal(delay_after(&doubling, 19, MIDDLE), 60 * SECOND);
}

static void a_factor_need_not_be_whole_nor_above_one(void **state)
{
    (void) state;
    struct retry_policy policy = doubling;
    policy.factor = 1.5;
    assert_int_equal(delay_after(&policy, 3, MIDDLE), 2250000);
    policy.factor = 1;
    assert_int_equal(delay_after(&policy, 19, MIDDLE), SECOND);
    policy.factor = 0;
    assert_int_equal(delay_after(&policy, 19, MIDDLE), SECOND);
}

static void no_attempt_number_and_no_length_of_time_overflows(void **state)
{
    (void) state;
    struct retry_policy policy = doubling;
    policy.max_attempts = UINT32_MAX;
    policy.max_us = INT64_MAX;
    policy.factor = 100;
    policy.jitter = 1;
    assert_int_equal(delay_after(&policy, UINT32_MAX - 1, 0.999), INT64_MAX);
    policy.factor = INFINITY;
    assert_int_equal(delay_after(&policy, 2, 0.999), INT64_MAX);
}

static void jitter_spreads_to_both_sides_and_never_past_the_maximum(void **state)
{
    (void) state;
    assert_int_equal(delay_after(&doubling, 1, 0), 900000);
    assert_in_range(delay_after(&doubling, 1, 0.999), 1099000, 1100000);
    assert_int_equal(delay_after(&doubling, 9, 0.999), 60 * SECOND);
    for (int i = 0; i < 1000; i++)
        assert_in_range(delay_after(&doubling, 4, i / 1000.0), 7200000, 8800000);
}

static void a_whole_jitter_reaches_from_nothing_to_twice_the_delay(void **state)
{
    (void) state;
    struct retry_policy policy = doubling;
    policy.jitter = 1;
    assert_int_equal(delay_after(&policy, 1, 0), 0);
    assert_in_range(delay_after(&policy, 1, 0.9999), 1999000, 2000000);
}

static void the_last_attempt_is_exhausted_and_leaves_the_output_alone(void **state)
{
    (void) state;
    delay_after(&doubling, 19, MIDDLE);
    assert_exhausted(&doubling, failure(20, MIDDLE));
    assert_exhausted(&doubling, failure(UINT32_MAX, MIDDLE));
}

static void a_schedule_of_two_delays_means_three_runs(void **state)
{
    (void) state;
    assert_int_equal(delay_after(&notify, 1, MIDDLE), 15 * SECOND);
    assert_int_equal(delay_after(&notify, 2, MIDDLE), 30 * SECOND);
    assert_exhausted(&notify, failure(3, MIDDLE));
}

static void a_jobs_own_limit_replaces_the_policys(void **state)
{
    (void) state;
    int64_t delay_us;
    struct retry_failure failed = failure(1, MIDDLE);
    failed.max_attempts = 1;
    assert_exhausted(&doubling, failed);
    failed.attempt = 99;
    failed.max_attempts = 100;
    assert_int_equal(retry_policy_next(&doubling, &failed, &delay_us), RETRY_LATER);
    assert_int_equal(delay_us, MINUTE);
    failed.attempt = 100;
    assert_exhausted(&doubling, failed);
    assert_int_equal(retry_policy_limit(&doubling, 7), 7);
    assert_int_equal(retry_policy_limit(&doubling, 0), 20);
}

static void a_job_with_more_attempts_than_the_schedule_repeats_its_last_delay(void **state)
{
    (void) state;
    int64_t delay_us;
    struct retry_failure failed = failure(5, MIDDLE);
    failed.max_attempts = 6;
    assert_int_equal(retry_policy_next(&notify, &failed, &delay_us), RETRY_LATER);
    assert_int_equal(delay_us, 30 * SECOND);
}

static void a_handler_may_ask_for_its_own_delay_within_the_maximum(void **state)
{
    (void) state;
    int64_t delay_us;
    struct retry_failure failed = failure(1, 0);
    failed.asked_us = 5 * SECOND;
    assert_int_equal(retry_policy_next(&doubling, &failed, &delay_us), RETRY_LATER);
    assert_int_equal(delay_us, 5 * SECOND); /* and is not spread */
    failed.asked_us = 0;
    assert_int_equal(retry_policy_next(&doubling, &failed, &delay_us), RETRY_LATER);
    assert_int_equal(delay_us, 0);
    failed.asked_us = INT64_MAX;
    assert_int_equal(retry_policy_next(&doubling, &failed, &delay_us), RETRY_LATER);
    assert_int_equal(delay_us, MINUTE);
}

static void asking_for_a_delay_gives_no_attempt_more(void **state)
{
    (void) state;
    struct retry_failure failed = failure(20, 0);
    failed.asked_us = SECOND;
    assert_exhausted(&doubling, failed);
}

static void no_retry_begins_after_the_greatest_age(void **state)
{
    (void) state;
    struct retry_policy policy = doubling;
    policy.max_age_us = 10 * SECOND;
    struct retry_failure failed = failure(2, MIDDLE); /* would wait 2 s */
    int64_t delay_us;
    failed.age_us = 8 * SECOND;
    assert_int_equal(retry_policy_next(&policy, &failed, &delay_us), RETRY_LATER);
    failed.age_us = 8 * SECOND + 1;
    assert_exhausted(&policy, failed);
    failed.age_us = INT64_MAX;
    assert_exhausted(&policy, failed);
    failed.age_us = -HOUR; /* a created_at in the future */
    assert_int_equal(retry_policy_next(&policy, &failed, &delay_us), RETRY_LATER);
}

static void an_asked_delay_counts_for_the_age_too(void **state)
{
    (void) state;
    struct retry_policy policy = doubling;
    policy.max_age_us = 10 * SECOND;
    struct retry_failure failed = failure(1, MIDDLE);
    failed.asked_us = 11 * SECOND;
    assert_exhausted(&policy, failed);
}

static void without_an_age_limit_a_job_may_be_as_old_as_it_likes(void **state)
{
    (void) state;
    struct retry_failure failed = failure(1, MIDDLE);
    int64_t delay_us;
    failed.age_us = INT64_MAX;
    assert_int_equal(retry_policy_next(&doubling, &failed, &delay_us), RETRY_LATER);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(there_are_five_policies_and_exponential_comes_first),
        cmocka_unit_test(exponential_doubles_from_a_second_to_an_hour_over_20_attempts),
        cmocka_unit_test(fixed_waits_half_a_minute_each_time),
        cmocka_unit_test(wechatpay_repeats_as_wechat_pay_does),
        cmocka_unit_test(alipay_repeats_as_alipay_does),
        cmocka_unit_test(rocketmq_has_its_sixteen_levels),
        cmocka_unit_test(the_payment_and_broker_schedules_are_exact),
        cmocka_unit_test(a_curve_doubles_until_its_maximum),
        cmocka_unit_test(a_factor_need_not_be_whole_nor_above_one),
        cmocka_unit_test(no_attempt_number_and_no_length_of_time_overflows),
        cmocka_unit_test(jitter_spreads_to_both_sides_and_never_past_the_maximum),
        cmocka_unit_test(a_whole_jitter_reaches_from_nothing_to_twice_the_delay),
        cmocka_unit_test(the_last_attempt_is_exhausted_and_leaves_the_output_alone),
        cmocka_unit_test(a_schedule_of_two_delays_means_three_runs),
        cmocka_unit_test(a_jobs_own_limit_replaces_the_policys),
        cmocka_unit_test(a_job_with_more_attempts_than_the_schedule_repeats_its_last_delay),
        cmocka_unit_test(a_handler_may_ask_for_its_own_delay_within_the_maximum),
        cmocka_unit_test(asking_for_a_delay_gives_no_attempt_more),
        cmocka_unit_test(no_retry_begins_after_the_greatest_age),
        cmocka_unit_test(an_asked_delay_counts_for_the_age_too),
        cmocka_unit_test(without_an_age_limit_a_job_may_be_as_old_as_it_likes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
