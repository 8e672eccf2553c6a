#include "retry_policy.h"

#include <assert.h>

#define SECOND 1000000LL
#define MINUTE (60 * SECOND)
#define HOUR (60 * MINUTE)

#define SCHEDULE(delays)                                                                           \
    .schedule_us = (delays), .schedule_len = sizeof(delays) / sizeof *(delays),                    \
    .max_attempts = sizeof(delays) / sizeof *(delays) + 1

/* WeChat Pay, Alipay: when they repeat a payment notification. RocketMQ: its delay levels from the
 * third on. */
static const int64_t wechatpay_us[] = {
    15 * SECOND, 15 * SECOND, 30 * SECOND, 3 * MINUTE,  10 * MINUTE,
    20 * MINUTE, 30 * MINUTE, 30 * MINUTE, 30 * MINUTE, 60 * MINUTE,
    3 * HOUR,    3 * HOUR,    3 * HOUR,    6 * HOUR,    6 * HOUR,
};
static const int64_t alipay_us[] = {
    4 * MINUTE, 10 * MINUTE, 10 * MINUTE, 1 * HOUR, 2 * HOUR, 6 * HOUR, 15 * HOUR,
};
static const int64_t rocketmq_us[] = {
    10 * SECOND, 30 * SECOND, 1 * MINUTE, 2 * MINUTE, 3 * MINUTE, 4 * MINUTE,
    5 * MINUTE,  6 * MINUTE,  7 * MINUTE, 8 * MINUTE, 9 * MINUTE, 10 * MINUTE,
    20 * MINUTE, 30 * MINUTE, 1 * HOUR,   2 * HOUR,
};

const struct retry_policy retry_policy_builtin[] = {
    { .name = "exponential",
      .first_us = SECOND,
      .factor = 2,
      .max_us = HOUR,
      .jitter = 0.1,
      .max_attempts = 20 },
    { .name = "fixed",
      .first_us = 30 * SECOND,
      .factor = 1,
      .max_us = 30 * SECOND,
      .max_attempts = 20 },
    { .name = "wechatpay", SCHEDULE(wechatpay_us), .max_us = 6 * HOUR },
    { .name = "alipay", SCHEDULE(alipay_us), .max_us = 15 * HOUR },
    { .name = "rocketmq", SCHEDULE(rocketmq_us), .max_us = 2 * HOUR },
};

size_t retry_policy_builtin_count(void)
{
    return sizeof retry_policy_builtin / sizeof *retry_policy_builtin;
}

static int64_t clamp_us(double delay_us, int64_t max_us)
{
    if (!(delay_us > 0)) /* also NaN */
        return 0;
    return delay_us < (double) max_us ? (int64_t) delay_us : max_us;
}

/* By multiplication and not pow(): it stops at max_us, so a large attempt number can neither
 * overflow nor cost time. */
static double curve_us(const struct retry_policy *policy, uint32_t attempt)
{
    double delay_us = (double) policy->first_us;

    for (uint32_t n = 1; n < attempt && delay_us < (double) policy->max_us; n++) {
        double next_us = delay_us * policy->factor;
        if (next_us <= delay_us) /* factor <= 1: it will never get longer */
            break;
        delay_us = next_us;
    }
    return delay_us;
}

static double policy_us(const struct retry_policy *policy, uint32_t attempt)
{
    if (!policy->schedule_us)
        return curve_us(policy, attempt);
    if (attempt > policy->schedule_len)
        attempt = policy->schedule_len;
    return (double) policy->schedule_us[attempt - 1];
}

uint32_t retry_policy_limit(const struct retry_policy *policy, uint32_t job_max_attempts)
{
    return job_max_attempts ? job_max_attempts : policy->max_attempts;
}

enum retry_decision retry_policy_next(const struct retry_policy *policy,
                                      const struct retry_failure *failure, int64_t *ret_delay_us)
{
    assert(failure->attempt >= 1 && failure->spread >= 0 && failure->spread < 1);

    if (failure->attempt >= retry_policy_limit(policy, failure->max_attempts))
        return RETRY_EXHAUSTED;

    int64_t delay_us;
    if (failure->asked_us >= 0)
        delay_us = clamp_us((double) failure->asked_us, policy->max_us);
    else
        delay_us = clamp_us(policy_us(policy, failure->attempt) *
                                (1 + policy->jitter * (2 * failure->spread - 1)),
                            policy->max_us);

    if (policy->max_age_us > 0 && failure->age_us > policy->max_age_us - delay_us)
        return RETRY_EXHAUSTED;
    *ret_delay_us = delay_us;
    return RETRY_LATER;
}
