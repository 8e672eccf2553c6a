#include "keeper.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include "children.h"
#include "exit_status.h"
#include "monotonic.h"
#include "text.h"

#define LEAVE_US INT64_C(1000000) /* to end by itself once its stdin is closed */
enum { NO_PIDFD_POLL_MS = 50 };

void keeper_ring(const struct children *children)
{
    uint64_t one = 1;
    /* fails only where the bell is ringing 2^64 times over */
    while (write(children->doorbell, &one, sizeof one) < 0 && errno == EINTR)
        ;
}

/* The lock is held, and let go while the program is started. */
static void start(struct children *children, struct child *child)
{
    char why[CHILDREN_FAILURE_SIZE];
    struct process process = PROCESS_NONE;

    child->state = CHILD_STARTING;
    pthread_mutex_unlock(&children->lock);
    int error = process_start(children->options, children->options->environment, &process, why,
                              sizeof why);
    if (error)
        children_start_failed(children, why, NULL);
    pthread_mutex_lock(&children->lock);
    if (error) {
        child->state = CHILD_NONE;
        pthread_cond_broadcast(&children->idle); /* those who wait may have to give up */
        return;
    }
    child->process = process;
    child->end = CHILD_STAYS;
    child->next_signal = 0;
    child->over = false;
    child->jobs = 0;
    tail_clear(&child->tail);
    child->state = CHILD_IDLE;
    pthread_cond_signal(&children->idle);
}

static size_t count_idle(const struct children *children)
{
    size_t count = 0;

    for (size_t i = 0; i < children->options->children; i++)
        count += children->each[i].state == CHILD_IDLE;
    return count;
}

/* With the lock held: a child for each thread that waits, as far as there are places. */
static void start_wanted(struct children *children)
{
    for (size_t i = 0; i < children->options->children; i++) {
        if (children->each[i].state != CHILD_NONE)
            continue;
        if (count_idle(children) >= children->waiting || monotonic_us() < children->not_before_us)
            return;
        start(children, &children->each[i]);
    }
}

/* Returns false when there is nothing to read for now. */
static bool read_stderr(struct children *children, struct child *child, int64_t now_us)
{
    char bytes[8192];

    if (child->process.err < 0)
        return false;
    ssize_t n = read(child->process.err, bytes, sizeof bytes);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return false;
    if (n <= 0) {
        process_close(&child->process.err);
        return false;
    }
    pthread_mutex_lock(&children->lock);
    tail_add(&child->tail, bytes, (size_t) n);
    pthread_mutex_unlock(&children->lock);
    stderr_log_add(&child->log, children->host, child->process.pid, bytes, (size_t) n, now_us);
    return true;
}

/* Collects a child that has ended. Whether it was any good is judged by whoever has borrowed it,
 * since its last answer may still be in the pipe. */
static void collect(struct children *children, struct child *child, int64_t now_us)
{
    char how[64];
    pid_t pid = child->process.pid;

    /* Bounded, because one that left the group may hold the pipe and talk for ever. */
    for (int i = 0; i < 128 && read_stderr(children, child, now_us); i++)
        ;
    stderr_log_end(&child->log, children->host, pid);
    child->status = process_reap(&child->process);
    process_close(&child->process.err);

    pthread_mutex_lock(&children->lock);
    bool lent = child->state == CHILD_LENT;
    bool unasked = child->state == CHILD_IDLE && !children->closing;
    if (lent) {
        child->over = true;
        pthread_cond_broadcast(&children->over);
    } else {
        child->state = CHILD_STARTING; /* nobody's, while it is judged */
    }
    pthread_mutex_unlock(&children->lock);
    if (lent)
        return;

    process_close(&child->process.in);
    process_close(&child->process.out);
    if (unasked && !child->jobs)
        children_start_failed(children, "a child ended before it had a job", child);
    else if (unasked)
        children->host->log(children->host, DUEQ_LOG_INFO,
                            "a child ended between two jobs; %s pid=%d",
                            exit_status_describe(child->status, how, sizeof how), (int) pid);
    pthread_mutex_lock(&children->lock);
    child->state = CHILD_NONE;
    pthread_cond_broadcast(&children->idle);
    pthread_mutex_unlock(&children->lock);
}

/* The steps by which a child is ended: SIGTERM, at once or when it has had time to go by itself;
 * SIGKILL. */
static void step_end(struct children *children, struct child *child, int64_t now_us)
{
    pthread_mutex_lock(&children->lock);
    enum child_end end = child->end;
    pthread_mutex_unlock(&children->lock);

    if (end == CHILD_STAYS)
        return;
    if (!child->next_signal) {
        child->next_signal = SIGTERM;
        child->next_signal_us = end == CHILD_ENDS_NOW ? now_us : now_us + LEAVE_US;
    }
    if (now_us < child->next_signal_us)
        return;
    process_signal(&child->process, child->next_signal);
    child->next_signal_us = child->next_signal == SIGTERM
                                ? now_us + children->options->kill_after_us
                                : INT64_MAX;
    child->next_signal = SIGKILL;
}

static void attend(struct children *children, struct child *child)
{
    int64_t now_us = monotonic_us();

    if (process_ended(&child->process)) {
        collect(children, child, now_us);
        return;
    }
    /* a few at a time, so that one that floods does not keep us from the others */
    for (int i = 0; i < 8 && read_stderr(children, child, now_us); i++)
        ;
    step_end(children, child, now_us);
}

/* With the lock held. Whether any child is left. */
static bool let_go_idle(struct children *children)
{
    bool any = false;

    for (size_t i = 0; i < children->options->children; i++) {
        struct child *child = &children->each[i];
        if (child->state == CHILD_IDLE) {
            process_close(&child->process.in);
            child->end = CHILD_ENDS_BY_ITSELF;
            child->next_signal = SIGTERM;
            child->next_signal_us = monotonic_us() + LEAVE_US;
            child->state = CHILD_LEAVING;
        }
        any |= child->state != CHILD_NONE;
    }
    return any;
}

static int wait_ms(const struct children *children)
{
    int64_t wait = INT32_MAX, now_us = monotonic_us();

    for (size_t i = 0; i < children->options->children; i++) {
        const struct child *child = &children->each[i];
        if (!child->process.pid)
            continue;
        if (child->process.pidfd < 0 && wait > NO_PIDFD_POLL_MS)
            wait = NO_PIDFD_POLL_MS;
        if (child->next_signal && child->next_signal_us != INT64_MAX) {
            int64_t left = (child->next_signal_us - now_us) / 1000 + 1;
            if (left < wait)
                wait = left > 0 ? left : 0;
        }
    }
    return wait == INT32_MAX ? -1 : (int) wait;
}

static void wait_for_events(struct children *children)
{
    struct pollfd *fds = children->fds;
    nfds_t count = 0;
    uint64_t rings;

    fds[count++] = (struct pollfd){ .fd = children->doorbell, .events = POLLIN };
    for (size_t i = 0; i < children->options->children; i++) {
        const struct process *process = &children->each[i].process;
        if (!process->pid)
            continue;
        fds[count++] = (struct pollfd){ .fd = process->pidfd, .events = POLLIN };
        fds[count++] = (struct pollfd){ .fd = process->err, .events = POLLIN };
    }
    poll(fds, count, wait_ms(children));
    if (fds[0].revents && read(children->doorbell, &rings, sizeof rings) < 0)
        return; /* EAGAIN; the next round looks again */
}

void *keeper_run(void *arg)
{
    struct children *children = arg;
    pthread_mutex_lock(&children->lock);
    while (!children->closing || let_go_idle(children)) {
        start_wanted(children);
        pthread_mutex_unlock(&children->lock);
        wait_for_events(children);
        for (size_t i = 0; i < children->options->children; i++)
            if (children->each[i].process.pid)
                attend(children, &children->each[i]);
        pthread_mutex_lock(&children->lock);
    }
    pthread_mutex_unlock(&children->lock);
    return NULL;
}
