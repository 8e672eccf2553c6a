#include "children.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "exit_status.h"
#include "keeper.h"
#include "monotonic.h"
#include "stop.h"

#define LONGEST_PAUSE_US INT64_C(30000000) /* between starts that come to nothing */

static int make_conditions(struct children *children)
{
    pthread_condattr_t attributes;

    int error = pthread_condattr_init(&attributes);
    if (error)
        return -error;
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_mutex_init(&children->lock, NULL); /* neither of the three can fail in glibc */
    pthread_cond_init(&children->idle, &attributes);
    pthread_cond_init(&children->over, &attributes);
    pthread_condattr_destroy(&attributes);
    return 0;
}

/* Signals are dueqd's main thread's. */
static int start_keeper(struct children *children)
{
    sigset_t all, old;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    int error = pthread_create(&children->keeper, NULL, keeper_run, children);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (!error)
        pthread_setname_np(children->keeper, "exec-keeper");
    return -error;
}

/* Everything but the keeper. */
static void destroy(struct children *children)
{
    for (size_t i = 0; children->each && i < children->options->children; i++)
        tail_done(&children->each[i].tail);
    free(children->each);
    free(children->fds);
    if (children->doorbell >= 0)
        close(children->doorbell);
    pthread_cond_destroy(&children->idle);
    pthread_cond_destroy(&children->over);
    pthread_mutex_destroy(&children->lock);
    free(children);
}

int children_new(const struct dueq_host *host, const struct exec_options *options,
                 struct children **ret_children)
{
    struct children *children = calloc(1, sizeof *children);
    if (!children)
        return -ENOMEM;
    children->host = host;
    children->options = options;
    int error = make_conditions(children);
    if (error) {
        free(children);
        return error;
    }
    children->doorbell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (children->doorbell < 0)
        error = -errno;
    children->each = calloc(options->children, sizeof *children->each);
    children->fds = calloc(1 + 2 * options->children, sizeof *children->fds);
    if (!error && (!children->each || !children->fds))
        error = -ENOMEM;
    for (size_t i = 0; !error && i < options->children; i++) {
        children->each[i].process = PROCESS_NONE;
        error = tail_init(&children->each[i].tail, options->stderr_tail);
    }
    if (!error)
        error = start_keeper(children);
    if (error) {
        destroy(children);
        return error;
    }
    *ret_children = children;
    return 0;
}

void children_free(struct children *children)
{
    if (!children)
        return;
    pthread_mutex_lock(&children->lock);
    children->closing = true;
    pthread_mutex_unlock(&children->lock);
    keeper_ring(children);
    pthread_join(children->keeper, NULL);
    destroy(children);
}

/* With the lock held. The first of them, so that few jobs keep few children warm. */
static struct child *find(struct children *children, enum child_state state)
{
    for (size_t i = 0; i < children->options->children; i++)
        if (children->each[i].state == state)
            return &children->each[i];
    return NULL;
}

static void wait_idle(struct children *children, int64_t until_us)
{
    struct timespec until = { .tv_sec = (time_t) (until_us / 1000000),
                              .tv_nsec = (long) (until_us % 1000000) * 1000 };
    pthread_cond_timedwait(&children->idle, &children->lock, &until);
}

enum children_answer children_take(struct children *children, const struct dueq_job *job,
                                   struct child **ret_child, struct children_pause *ret_pause)
{
    enum children_answer answer;
    struct child *child;

    pthread_mutex_lock(&children->lock);
    children->waiting++;
    for (;;) {
        int64_t now_us = monotonic_us();
        child = find(children, CHILD_IDLE);
        if (child) {
            child->state = CHILD_LENT;
            *ret_child = child;
            answer = CHILDREN_LENT;
            break;
        }
        if (now_us < children->not_before_us && !find(children, CHILD_LENT) &&
            !find(children, CHILD_STARTING)) {
            ret_pause->left_us = children->not_before_us - now_us;
            memcpy(ret_pause->why, children->failure, sizeof ret_pause->why);
            answer = CHILDREN_PAUSED;
            break;
        }
        if (find(children, CHILD_NONE))
            keeper_ring(children);
        wait_idle(children, now_us + STOP_POLL_MS * 1000);
        if (find(children, CHILD_IDLE))
            continue;
        pthread_mutex_unlock(&children->lock);
        int32_t stop = children->host->cancelled(job);
        pthread_mutex_lock(&children->lock);
        if (stop) {
            answer = CHILDREN_STOPPED;
            break;
        }
    }
    children->waiting--;
    /* A signal that reached this thread may have been meant for a child that it leaves to another
     * one. */
    if (answer != CHILDREN_LENT)
        pthread_cond_signal(&children->idle);
    pthread_mutex_unlock(&children->lock);
    return answer;
}

void children_give_back(struct children *children, struct child *child)
{
    uint64_t limit = children->options->max_jobs;
    bool ring = false;

    pthread_mutex_lock(&children->lock);
    child->jobs++;
    tail_clear(&child->tail);
    children->failures = 0;
    children->not_before_us = 0;
    if (child->over) { /* answered, and ended before we were here */
        pthread_mutex_unlock(&children->lock);
        children_release(children, child, true);
        return;
    }
    if (limit && child->jobs >= limit) {
        process_close(&child->process.in);
        child->end = CHILD_ENDS_BY_ITSELF;
        child->state = CHILD_LEAVING;
        ring = true;
    } else {
        child->state = CHILD_IDLE;
        pthread_cond_signal(&children->idle);
    }
    pthread_mutex_unlock(&children->lock);
    if (ring)
        keeper_ring(children);
}

bool children_is_over(struct children *children, const struct child *child)
{
    pthread_mutex_lock(&children->lock);
    bool over = child->over;
    pthread_mutex_unlock(&children->lock);
    return over;
}

void children_stop(struct children *children, struct child *child)
{
    pthread_mutex_lock(&children->lock);
    if (!child->over) {
        child->end = CHILD_ENDS_NOW;
        keeper_ring(children);
    }
    while (!child->over)
        pthread_cond_wait(&children->over, &children->lock);
    pthread_mutex_unlock(&children->lock);
}

void children_release(struct children *children, struct child *child, bool blameless)
{
    process_close(&child->process.in);
    process_close(&child->process.out);
    if (!child->jobs && !blameless)
        children_start_failed(children,
                              child->end == CHILD_ENDS_NOW
                                  ? "a child was ended because its first answer was none"
                                  : "a child ended before it had answered a job",
                              child);
    pthread_mutex_lock(&children->lock);
    child->state = CHILD_NONE;
    pthread_cond_broadcast(&children->idle); /* those who wait may have to give up */
    pthread_mutex_unlock(&children->lock);
    keeper_ring(children); /* or somebody may wait for a new one */
}

void children_add_end_of(const struct child *child, struct dueq_result *result)
{
    char how[64];
    size_t len = strlen(result->message);

    snprintf(result->message + len, result->message_size - len, "; %s",
             exit_status_describe(child->status, how, sizeof how));
    message_add_end_of(result, child->tail.bytes, child->tail.len, child->tail.cut);
}

void children_start_failed(struct children *children, const char *what, const struct child *child)
{
    char failure[CHILDREN_FAILURE_SIZE], seconds[TEXT_TIME_SIZE];
    struct dueq_result text = { .message = failure, .message_size = sizeof failure };

    message_set(&text, "%s", what);
    if (child)
        children_add_end_of(child, &text);

    pthread_mutex_lock(&children->lock);
    int64_t now_us = monotonic_us();
    /* Several that were started together and fail together are one failure. */
    if (now_us >= children->not_before_us) {
        int64_t pause_us = children->options->restart_delay_us;
        for (unsigned i = 0; i < children->failures && pause_us < LONGEST_PAUSE_US; i++)
            pause_us *= 2;
        if (pause_us > LONGEST_PAUSE_US)
            pause_us = LONGEST_PAUSE_US;
        children->failures++;
        children->not_before_us = now_us + pause_us;
    }
    int64_t left_us = children->not_before_us - now_us;
    memcpy(children->failure, failure, sizeof failure);
    pthread_cond_broadcast(&children->idle); /* those who wait may have to give up */
    pthread_mutex_unlock(&children->lock);
    children->host->log(children->host, DUEQ_LOG_WARNING, "%s; next start in %s s", failure,
                        text_seconds((left_us + 99999) / 100000 * 100000, seconds));
}
