#include "finisher.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "journal.h"

enum { CANCEL_POLL_US = 10000 }; /* how late a cancelled run may be noticed */

struct pending {
    struct pending *next;
    const struct dueq_job *job;
    int64_t due_us;
    int64_t delay_us;
    enum dueq_outcome outcome;
    char *message; /* NULL: none */
};

struct finisher {
    const struct dueq_host *host;
    int journal_end;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct pending *incoming; /* lock */
    bool closing;             /* lock */
};

static int64_t now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000LL + now.tv_nsec / 1000;
}

static void finish(const struct finisher *finisher, struct pending *pending, bool cancelled)
{
    const struct dueq_host *host = finisher->host;
    int r = journal_write(finisher->journal_end, pending->job);
    if (r < 0)
        host->log(host, DUEQ_LOG_ERROR, "writing journal_end failed: error='%s'", strerror(-r));
    if (cancelled)
        host->finish(pending->job, DUEQ_RETRY, -1, "cancelled");
    else
        host->finish(pending->job, pending->outcome, pending->delay_us, pending->message);
    free(pending->message);
    free(pending);
}

/* Finishes those of the list that are due or cancelled; returns when to look at it again. */
static int64_t finish_due(const struct finisher *finisher, struct pending **list)
{
    int64_t start_us = now_us();
    int64_t next_us = INT64_MAX;
    for (struct pending **at = list; *at;) {
        struct pending *pending = *at;
        bool cancelled = finisher->host->cancelled(pending->job);
        if (cancelled || pending->due_us <= start_us) {
            *at = pending->next;
            finish(finisher, pending, cancelled);
            continue;
        }
        if (pending->due_us < next_us)
            next_us = pending->due_us;
        at = &pending->next;
    }
    return *list && next_us > start_us + CANCEL_POLL_US ? start_us + CANCEL_POLL_US : next_us;
}

/* Until there is something new, or `until_us` has come, or the end. True: the end. */
static bool wait_and_take(struct finisher *finisher, int64_t until_us, struct pending **list)
{
    const struct timespec until = { .tv_sec = until_us / 1000000,
                                    .tv_nsec = until_us % 1000000 * 1000 };
    pthread_mutex_lock(&finisher->lock);
    while (!finisher->incoming && !finisher->closing && now_us() < until_us) {
        if (until_us == INT64_MAX)
            pthread_cond_wait(&finisher->changed, &finisher->lock);
        else
            pthread_cond_timedwait(&finisher->changed, &finisher->lock, &until);
    }
    while (finisher->incoming) {
        struct pending *pending = finisher->incoming;
        finisher->incoming = pending->next;
        pending->next = *list;
        *list = pending;
    }
    bool closing = finisher->closing;
    pthread_mutex_unlock(&finisher->lock);
    return closing;
}

static void *run_finisher(void *argument)
{
    struct finisher *finisher = argument;
    struct pending *list =
        NULL; /* this thread's alone, so dueqd is never called with the lock held */
    int64_t next_us = INT64_MAX;
    while (!wait_and_take(finisher, next_us, &list))
        next_us = finish_due(finisher, &list);
    return NULL;
}

struct finisher *finisher_new(const struct dueq_host *host, int journal_end)
{
    struct finisher *finisher = calloc(1, sizeof *finisher);
    if (!finisher)
        return NULL;
    finisher->host = host;
    finisher->journal_end = journal_end;
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&finisher->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    pthread_mutex_init(&finisher->lock, NULL);
    if (pthread_create(&finisher->thread, NULL, run_finisher, finisher) != 0) {
        pthread_mutex_destroy(&finisher->lock);
        pthread_cond_destroy(&finisher->changed);
        free(finisher);
        return NULL;
    }
    pthread_setname_np(finisher->thread, "noop-finisher");
    return finisher;
}

void finisher_free(struct finisher *finisher)
{
    if (!finisher)
        return;
    pthread_mutex_lock(&finisher->lock);
    finisher->closing = true;
    pthread_cond_signal(&finisher->changed);
    pthread_mutex_unlock(&finisher->lock);
    pthread_join(finisher->thread, NULL);
    pthread_mutex_destroy(&finisher->lock);
    pthread_cond_destroy(&finisher->changed);
    free(finisher);
}

int finisher_add(struct finisher *finisher, const struct behaviour *behaviour,
                 const struct dueq_job *job)
{
    struct pending *pending = calloc(1, sizeof *pending);
    if (!pending)
        return -ENOMEM;
    *pending = (struct pending){
        .job = job,
        .due_us = now_us() + behaviour->sleep_us,
        .delay_us = behaviour->delay_us,
        .outcome = behaviour_outcome(behaviour, job),
    };
    if (pending->outcome != DUEQ_DONE) {
        size_t size = behaviour_message_size(behaviour);
        pending->message = malloc(size);
        if (!pending->message) {
            free(pending);
            return -ENOMEM;
        }
        behaviour_fill_message(behaviour, job, pending->message, size);
    }
    pthread_mutex_lock(&finisher->lock);
    pending->next = finisher->incoming;
    finisher->incoming = pending;
    pthread_cond_signal(&finisher->changed);
    pthread_mutex_unlock(&finisher->lock);
    return 0;
}
