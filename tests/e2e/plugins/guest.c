/* guest: does to its process what its payload says. */

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "dueq_handler.h"

struct instance {
    const struct dueq_host *host;
    const char *file; /* what it is about depends on the way */
};

static char *volatile nowhere;
static volatile unsigned turns;

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

static void append(const char *path, const char *text)
{
    FILE *file = fopen(path, "a");
    if (file) {
        fprintf(file, "%s %d\n", text, (int) getpid());
        fclose(file);
    }
}

static void close_instance(void *arg)
{
    struct instance *instance = arg;
    append(instance->file, "closed");
    free(instance);
}

static void rest(long ms)
{
    struct timespec time = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };
    while (nanosleep(&time, &time) < 0)
        ;
}

/* As much as 512 MiB. */
static int32_t eat(struct dueq_result *result)
{
    enum { PIECE = 1 << 20 };
    for (int i = 0; i < 512; i++) {
        char *piece = malloc(PIECE);
        if (!piece) {
            snprintf(result->message, result->message_size, "full");
            return DUEQ_DEAD;
        }
        memset(piece, 'x', PIECE);
    }
    return DUEQ_DONE;
}

static int32_t say_process(const struct dueq_job *job, struct dueq_result *result)
{
    snprintf(result->message, result->message_size, "pid %d attempt %u", (int) getpid(),
             job->attempt);
    return DUEQ_DEAD;
}

struct later {
    const struct instance *instance;
    const struct dueq_job *job;
};

static void *finish_later(void *arg)
{
    struct later *later = arg;
    rest(50);
    later->instance->host->finish(later->job, DUEQ_DEAD, -1, "said later");
    free(later);
    return NULL;
}

static int32_t answer_later(const struct instance *instance, const struct dueq_job *job)
{
    pthread_t thread;
    struct later *later = malloc(sizeof *later);
    if (!later)
        return DUEQ_RETRY;
    *later = (struct later){ instance, job };
    if (pthread_create(&thread, NULL, finish_later, later) != 0)
        abort();
    pthread_detach(thread);
    return DUEQ_PENDING;
}

static int32_t wait_for_stop(const struct instance *instance, const struct dueq_job *job,
                             struct dueq_result *result)
{
    while (!instance->host->cancelled(job))
        rest(5);
    snprintf(result->message, result->message_size, "stopped");
    return DUEQ_DEAD;
}

static int32_t run(void *arg, void *local, const struct dueq_job *job, struct dueq_result *result)
{
    const struct instance *instance = arg;
    const char *way = job->payload;

    (void) local;
    if (strcmp(way, "crash") == 0 ||
        (strcmp(way, "crash unless") == 0 && access(instance->file, F_OK) < 0))
        *nowhere = 'x';
    else if (strcmp(way, "crash soon") == 0)
        rest(200), *nowhere = 'x';
    else if (strcmp(way, "exit") == 0)
        exit(7);
    else if (strcmp(way, "spin") == 0)
        for (;;)
            turns++;
    else if (strcmp(way, "eat") == 0)
        return eat(result);
    else if (strcmp(way, "process") == 0)
        return say_process(job, result);
    else if (strcmp(way, "later") == 0)
        return answer_later(instance, job);
    else if (strcmp(way, "cancelled") == 0)
        return wait_for_stop(instance, job, result);
    else if (strcmp(way, "hang") == 0)
        append(instance->file, "hangs"), rest(3600000);
    else if (strcmp(way, "extend") == 0)
        instance->host->extend(job, INT64_C(60000000)), rest(1500);
    return DUEQ_DONE;
}

DUEQ_EXPORT const struct dueq_handler dueq_handler = {
    .abi_major = DUEQ_ABI_MAJOR,
    .abi_minor = DUEQ_ABI_MINOR,
    .size = sizeof dueq_handler,
    .name = "guest",
    .open = open_instance,
    .close = close_instance,
    .run = run,
};
