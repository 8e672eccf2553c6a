#pragma once

#include <stddef.h>
#include <stdint.h>

/* Measurements of one kind, in microseconds. Zero-initialise it. */
struct spread {
    int64_t *values_us;
    size_t count, size;
};

void spread_done(struct spread *spread);
void spread_add(struct spread *spread, int64_t value_us);
/* The smallest value that `percent` of all do not exceed; 0 where there are none. Sorts them. */
int64_t spread_percentile_us(struct spread *spread, size_t percent);
/* `NAME_count n`, and in milliseconds `NAME_p50`, `NAME_p99` and `NAME_max`. */
void spread_print(struct spread *spread, const char *name);
