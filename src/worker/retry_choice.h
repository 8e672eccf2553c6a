#pragma once

#include "config.h"
#include "registry.h"

struct source;

/* The retry policy of a job: the one it names, or its kind's, or its queue's. retry: what the row
 * says; NULL: nothing. A name that is not configured is passed over, and said now and then. */
const struct retry_policy *retry_choice(struct source *source, uint64_t job_id, const char *kind,
                                        const char *retry, const struct binding *binding,
                                        const struct config_queue *queue);
