/* Built against a dueq_handler.h of a later minor: a field more behind all that this dueqd knows.
 */
#include "dueq_handler.h"

struct later_handler {
    struct dueq_handler known;
    int32_t (*check)(void *instance);
};

static int32_t later_run(void *instance, void *local, const struct dueq_job *job,
                         struct dueq_result *result)
{
    (void) instance, (void) local, (void) job, (void) result;
    return DUEQ_DONE;
}

static int32_t later_check(void *instance)
{
    (void) instance;
    return 0;
}

extern DUEQ_EXPORT const struct later_handler later_plugin __asm__("dueq_handler");

const struct later_handler later_plugin = {
    .known = { .abi_major = DUEQ_ABI_MAJOR,
               .abi_minor = DUEQ_ABI_MINOR + 7,
               .size = sizeof later_plugin,
               .name = "newer",
               .run = later_run },
    .check = later_check,
};
