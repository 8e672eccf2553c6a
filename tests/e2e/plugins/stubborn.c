/* stubborn: sleeps as many seconds as its payload says and does not ask whether it should stop. */

#include <stdlib.h>
#include <time.h>

#include "dueq_handler.h"

static int32_t run(void *instance, void *local, const struct dueq_job *job,
                   struct dueq_result *result)
{
    (void) instance, (void) local, (void) result;
    struct timespec rest = { .tv_sec = strtol(job->payload, NULL, 10) };
    while (nanosleep(&rest, &rest) < 0)
        ;
    return DUEQ_DONE;
}

DUEQ_EXPORT const struct dueq_handler dueq_handler = {
    .abi_major = DUEQ_ABI_MAJOR,
    .abi_minor = DUEQ_ABI_MINOR,
    .size = sizeof dueq_handler,
    .name = "stubborn",
    .run = run,
};
