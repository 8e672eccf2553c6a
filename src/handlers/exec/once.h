#pragma once

#include <stdint.h>

#include "dueq_handler.h"

struct exec_options;

/* Runs the job with a program of its own, from its start to the end of its process group, in the
 * calling thread. Returns an enum dueq_outcome. SIGPIPE must be blocked. */
int32_t once_run(const struct exec_options *options, const struct dueq_host *host,
                 const struct dueq_job *job, struct dueq_result *result);
