#pragma once

#include <stddef.h>
#include <stdint.h>

/* When a failed job is tried again. A policy is a value: made once from configuration, then only
 * read, so any thread may use it without a lock.
 *
 * Two shapes: a schedule (the n-th failure waits schedule_us[n - 1]) or a curve
 * (first_us * factor^(n - 1), never above max_us). Both are spread by jitter. */
struct retry_policy {
    const char *name;
    const int64_t *schedule_us; /* NULL: the curve below */
    uint32_t schedule_len;
    int64_t first_us;
    int64_t max_us; /* also the most a handler may ask for */
    double factor;
    double jitter;         /* 0.1 spreads a delay evenly over -10 % … +10 % */
    uint32_t max_attempts; /* runs in all, the first included; at least 1. A schedule of n delays: n
                              + 1 */
    int64_t max_age_us; /* no retry begins later than this after the job's creation; 0: no limit */
};

/* One failure, as the policy needs to know it. */
struct retry_failure {
    uint32_t attempt;      /* which run failed, from 1 */
    uint32_t max_attempts; /* the job's own limit; 0: the policy's */
    int64_t age_us;        /* since the job was created */
    int64_t asked_us; /* a delay the handler asked for (HTTP Retry-After), or -1; it replaces the
                         policy's own, clamped to [0, max_us], and is not spread */
    double spread;    /* a random number in [0, 1); the caller's, so that tests can choose it */
};

enum retry_decision { RETRY_LATER, RETRY_EXHAUSTED };

/* Decides what follows a failure. ret_delay_us is set only with RETRY_LATER; 0 … max_us.
 * A job with a limit of its own above a schedule's length repeats the schedule's last delay.
 * Pure: no clock, no allocation, no failure. */
enum retry_decision retry_policy_next(const struct retry_policy *policy,
                                      const struct retry_failure *failure, int64_t *ret_delay_us);

/* The attempt after which a failure is final. */
uint32_t retry_policy_limit(const struct retry_policy *policy, uint32_t job_max_attempts);

/* exponential (the default), fixed, wechatpay, alipay, rocketmq. */
extern const struct retry_policy retry_policy_builtin[];
size_t retry_policy_builtin_count(void);
