/* crasher: brings the process down in the way that its payload says. */

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "dueq_handler.h"

static volatile int zero;
static char *volatile nowhere;

/* More than the stack of a thread has. */
static int overflow(void)
{
    volatile char frame[64 * 1024 * 1024];
    for (size_t i = sizeof frame; i-- > 0;)
        frame[i] = (char) i;
    return frame[1];
}

static int32_t run(void *instance, void *local, const struct dueq_job *job,
                   struct dueq_result *result)
{
    (void) instance, (void) local, (void) result;
    if (strcmp(job->payload, "write") == 0)
        *nowhere = 'x';
    else if (strcmp(job->payload, "divide") == 0)
        return 7 / zero;
    else if (strcmp(job->payload, "abort") == 0)
        abort();
    else if (strcmp(job->payload, "overflow") == 0)
        return overflow();
    else if (strcmp(job->payload, "illegal") == 0)
        raise(SIGILL);
    return DUEQ_DONE;
}

DUEQ_EXPORT const struct dueq_handler dueq_handler = {
    .abi_major = DUEQ_ABI_MAJOR,
    .abi_minor = DUEQ_ABI_MINOR,
    .size = sizeof dueq_handler,
    .name = "crasher",
    .run = run,
};
