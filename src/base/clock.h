#pragma once

#include <stdint.h>
#include <time.h>

/* Microseconds on CLOCK_MONOTONIC: for waits and measurements. The database's clock, and no other,
 * is compared with what stands in a table. */
int64_t clock_now_us(void);

/* CLOCK_REALTIME in microseconds, for log lines and for `dueq check` to show the difference only.
 */
int64_t clock_wall_us(void);

struct timespec clock_timespec(int64_t us);
