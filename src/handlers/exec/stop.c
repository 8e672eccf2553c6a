#include "stop.h"

#include <stdio.h>

#include "text.h"

/* dueqd's clock started a moment before ours. */
#define HEAD_START_US 20000

char *stop_describe(const struct dueq_job *job, int64_t started_us, int64_t stopped_us, char *out,
                    size_t size)
{
    char seconds[TEXT_TIME_SIZE];
    int64_t ran_us = stopped_us - started_us;

    if (job->timeout_us > 0 && ran_us + HEAD_START_US >= job->timeout_us)
        snprintf(out, size, "stopped after its timeout of %s s",
                 text_seconds(job->timeout_us, seconds));
    else
        snprintf(out, size, "cancelled after %s s", text_seconds(ran_us, seconds));
    return out;
}
