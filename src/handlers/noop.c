#include "dueq_handler.h"

static int32_t noop_run(void *instance, void *local, const struct dueq_job *job,
                        struct dueq_result *result)
{
    (void) instance, (void) local, (void) job, (void) result;
    return DUEQ_DONE;
}

DUEQ_EXPORT const struct dueq_handler dueq_handler = {
    .abi_major = DUEQ_ABI_MAJOR,
    .abi_minor = DUEQ_ABI_MINOR,
    .size = sizeof dueq_handler,
    .name = "noop",
    .run = noop_run,
};
