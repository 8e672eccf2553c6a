#pragma once

#include <stddef.h>
#include <stdint.h>

#include "dueq_handler.h"

enum { STOP_POLL_MS = 100 }; /* how late an attempt that is to stop may be noticed */

/* Why host->cancelled said so: it gives no reason, but a clock shows whether it was the timeout.
 * Both times are monotonic_us(). Returns `out`. */
char *stop_describe(const struct dueq_job *job, int64_t started_us, int64_t stopped_us, char *out,
                    size_t size);
