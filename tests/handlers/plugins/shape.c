/* A plugin whose struct is told by definitions: what is loaded and what is refused depends on
 * nothing else. */
#include "dueq_handler.h"

#ifndef MAJOR
#define MAJOR DUEQ_ABI_MAJOR
#endif
#ifndef MINOR
#define MINOR DUEQ_ABI_MINOR
#endif
#ifndef SIZE
#define SIZE sizeof(struct dueq_handler)
#endif
#ifndef FLAGS
#define FLAGS 0
#endif
#ifndef NAME
#define NAME "shape"
#endif
#ifndef SYMBOL
#define SYMBOL dueq_handler
#endif
#ifndef OUTCOME /* by which a test tells two builds apart */
#define OUTCOME DUEQ_DONE
#endif

static int32_t shape_run(void *instance, void *local, const struct dueq_job *job,
                         struct dueq_result *result)
{
    (void) instance, (void) local, (void) job, (void) result;
    return OUTCOME;
}

DUEQ_EXPORT const struct dueq_handler SYMBOL = {
    .abi_major = MAJOR,
    .abi_minor = MINOR,
    .size = SIZE,
    .flags = FLAGS,
    .name = NAME,
    .run = shape_run,
};
