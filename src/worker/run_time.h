#pragma once

#include <stdbool.h>
#include <stdint.h>

/* How long a handler has lately taken for a kind: a small histogram that forgets. Not locked: the
 * source guards what is added with its own lock; the 95th percentile may be read by any thread. */
enum { RUN_TIME_BUCKETS = 128 };

struct run_time {
    uint32_t buckets[RUN_TIME_BUCKETS]; /* four for each doubling of the microseconds */
    uint32_t count;                     /* in all of them */
    _Atomic int64_t p95_us;             /* upper bound; 0: too few are known */
};

void run_time_add(struct run_time *run_time, int64_t took_us);

/* After some were added: makes p95_us anew. */
void run_time_update(struct run_time *run_time);
