#pragma once

#include <stdint.h>

#include "dueq_handler.h"

struct children;

/* Runs the job with one of the long-lived children. Returns an enum dueq_outcome; when it has
 * returned, no child works on the job any more. SIGPIPE must be blocked. */
int32_t lines_run(struct children *children, const struct dueq_job *job,
                  struct dueq_result *result);
