/* threads: a handler with a state of each thread's own, which it says when it lets go of it, and
 * that asks for more time than its kind has. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "dueq_handler.h"

struct instance {
    const struct dueq_host *host;
    const char *file;
};

struct local {
    unsigned jobs;
};

static int32_t open_instance(const struct dueq_host *host, const struct dueq_options *options,
                             void **ret_instance)
{
    struct instance *instance = calloc(1, sizeof *instance);
    if (!instance)
        return -1;
    instance->host = host;
    instance->file = host->option_string(options, "file", "");
    *ret_instance = instance;
    return 0;
}

static void close_instance(void *instance)
{
    free(instance);
}

static int32_t open_thread(void *instance, void **ret_local)
{
    (void) instance;
    *ret_local = calloc(1, sizeof(struct local));
    return *ret_local ? 0 : -1;
}

static void close_thread(void *arg, void *local_arg)
{
    const struct instance *instance = arg;
    struct local *local = local_arg;
    FILE *file = fopen(instance->file, "a");
    if (file) {
        fprintf(file, "%u\n", local->jobs);
        fclose(file);
    }
    free(local);
}

static int32_t run(void *arg, void *local_arg, const struct dueq_job *job,
                   struct dueq_result *result)
{
    const struct instance *instance = arg;
    struct local *local = local_arg;
    const struct timespec longer_than_the_timeout = { .tv_nsec = 600000000 };

    local->jobs++;
    if (strcmp(job->payload, "extend") == 0)
        instance->host->extend(job, INT64_C(60000000));
    if (*job->payload)
        nanosleep(&longer_than_the_timeout, NULL);
    if (!instance->host->cancelled(job))
        return DUEQ_DONE;
    snprintf(result->message, result->message_size, "out of time");
    return DUEQ_DEAD;
}

DUEQ_EXPORT const struct dueq_handler dueq_handler = {
    .abi_major = DUEQ_ABI_MAJOR,
    .abi_minor = DUEQ_ABI_MINOR,
    .size = sizeof dueq_handler,
    .name = "threads",
    .open = open_instance,
    .close = close_instance,
    .run = run,
    .thread_open = open_thread,
    .thread_close = close_thread,
};
