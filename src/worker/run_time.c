#include "run_time.h"

enum {
    KNOWN_FROM = 20,    /* with fewer, one slow run in twenty could not have been seen */
    FORGET_FROM = 2000, /* then all counts are halved: the last few thousand runs decide */
};

static unsigned bucket_of(int64_t us)
{
    if (us < 4)
        return us > 0 ? (unsigned) us : 0;
    unsigned log2 = 63 - (unsigned) __builtin_clzll((unsigned long long) us);
    unsigned quarter = (unsigned) (us >> (log2 - 2)) & 3;
    unsigned bucket = (log2 - 1) * 4 + quarter;
    return bucket < RUN_TIME_BUCKETS ? bucket : RUN_TIME_BUCKETS - 1;
}

/* The first value that is above the bucket. */
static int64_t bound_of(unsigned bucket)
{
    if (bucket < 4)
        return bucket + 1;
    unsigned log2 = bucket / 4 + 1;
    return (int64_t) (4 + bucket % 4 + 1) << (log2 - 2);
}

void run_time_add(struct run_time *run_time, int64_t took_us)
{
    run_time->buckets[bucket_of(took_us)]++;
    run_time->count++;
}

static void forget_half(struct run_time *run_time)
{
    run_time->count = 0;
    for (unsigned i = 0; i < RUN_TIME_BUCKETS; i++) {
        run_time->buckets[i] /= 2;
        run_time->count += run_time->buckets[i];
    }
}

void run_time_update(struct run_time *run_time)
{
    if (run_time->count >= FORGET_FROM)
        forget_half(run_time);
    if (run_time->count < KNOWN_FROM)
        return;
    uint32_t above = 0, allowed = run_time->count / 20;
    unsigned bucket = RUN_TIME_BUCKETS;
    while (bucket > 0 && above <= allowed)
        above += run_time->buckets[--bucket];
    run_time->p95_us = bound_of(bucket);
}
