#pragma once

#include <stdint.h>

/* From the kernel; any thread. Not on a path that runs once a job. */
uint64_t random_u64(void);

/* [0, 1), from a generator of the thread's own that the kernel seeded: for jitter. */
double random_unit(void);
