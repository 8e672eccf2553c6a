#include "renewal.h"

#include <stdio.h>
#include <stdlib.h>

#include "clock.h"
#include "lease.h"
#include "source.h"
#include "task.h"

enum {
    CHUNK = 1000,           /* ids a statement */
    LOOK_AFTER_US = 900000, /* a job younger than this is left in peace: most end before */
    INTERVAL_MAX_US = 1000000,
    INTERVALS = 5, /* in a lease: it is renewed when a third of it is gone, so two calls may fail */
};

void renewal_done(struct renewal *renewal)
{
    free(renewal->fences);
    *renewal = (struct renewal){ 0 };
}

int64_t renewal_interval_us(const struct config *config)
{
    int64_t interval_us = INTERVAL_MAX_US;
    for (size_t i = 0; i < config->queue_count; i++)
        if (config->queues[i].lease_us / INTERVALS < interval_us)
            interval_us = config->queues[i].lease_us / INTERVALS;
    return interval_us;
}

static struct task *flight_task(struct list_node *node)
{
    return list_entry(node, struct task, flight_node);
}

static bool grow(struct renewal *renewal, size_t count)
{
    if (count <= renewal->size)
        return true;
    struct fence *fences = realloc(renewal->fences, count * sizeof *fences);
    if (!fences)
        return false;
    renewal->fences = fences;
    renewal->size = count;
    return true;
}

/* A third of the lease is gone. */
static bool wants_renewal(const struct task *task, int64_t now_us)
{
    return task->lease_until_us - now_us < task->queue->lease_us * 2 / 3;
}

static bool wants_look(const struct task *task, int64_t now_us)
{
    return now_us - (task->lease_until_us - task->queue->lease_us) > LOOK_AFTER_US;
}

/* The fences of the tasks of one queue (the lease time differs) that are to be renewed, or only
 * looked at. */
static size_t collect(struct renewal *renewal, struct source *source,
                      const struct config_queue *queue, bool renew)
{
    size_t count = 0;
    int64_t now_us = clock_now_us();

    mutex_lock(&source->lock);
    if (grow(renewal, source->in_flight.count)) {
        for (struct list_node *n = source->in_flight.first; n; n = n->next) {
            const struct task *task = flight_task(n);
            if (task->queue != queue || task->settling || task->in_doubt || !task->job.lease ||
                wants_renewal(task, now_us) != renew || (!renew && !wants_look(task, now_us)))
                continue;
            renewal->fences[count++] = (struct fence){ .id = task->job.id,
                                                       .lease = task->job.lease,
                                                       .attempt = task->job.attempts };
        }
    }
    mutex_unlock(&source->lock);
    return count;
}

/* A replaced job may run here under its old token and its new one at the same time. */
static void apply(struct source *source, struct fence *fences, size_t count, int64_t renewed_us)
{
    size_t lost = 0;

    mutex_lock(&source->lock);
    for (struct list_node *n = source->in_flight.first; n; n = n->next) {
        struct task *task = flight_task(n);
        const struct fence *fence = fence_find(fences, count, task->job.id, task->job.lease,
                                               task->job.attempts);
        if (!fence || task->settling)
            continue;
        if (fence->state == FENCE_HELD && renewed_us)
            task->lease_until_us = renewed_us + task->queue->lease_us;
        if (fence->state == FENCE_LOST && !task->cancelled) {
            task->cancelled = true;
            lost++;
        }
    }
    mutex_unlock(&source->lock);
    if (lost)
        log_info("jobs that were cancelled or taken over are asked to stop: source=%s jobs=%zu",
                 source->config->name, lost);
}

static enum db_status for_queue(struct renewal *renewal, struct source *source, struct db *db,
                                const struct config_queue *queue, bool renew, struct error *error)
{
    size_t count = collect(renewal, source, queue, renew);
    enum db_status status = DB_OK;

    for (size_t from = 0; from < count && status == DB_OK; from += CHUNK) {
        size_t n = count - from < CHUNK ? count - from : CHUNK;
        struct fence *fences = renewal->fences + from;
        int64_t now_us = clock_now_us();
        status = renew ? lease_renew(db, fences, n, queue->lease_us, error)
                       : fence_read(db, fences, n, error);
        if (status == DB_OK)
            apply(source, fences, n, renew ? now_us : 0);
    }
    return status;
}

static void log_overdue(struct source *source)
{
    enum { AT_ONCE = 8 };
    struct {
        uint64_t id;
        char kind[65];
        int64_t since_us;
    } late[AT_ONCE];
    size_t count = 0;
    int64_t now_us = clock_now_us();

    mutex_lock(&source->lock);
    for (struct list_node *n = source->in_flight.first; n && count < AT_ONCE; n = n->next) {
        struct task *task = flight_task(n);
        if (!task->deadline_us || now_us < task->deadline_us || task->overdue_logged)
            continue;
        task->overdue_logged = true;
        late[count].id = task->job.id;
        late[count].since_us = task->started_us;
        snprintf(late[count].kind, sizeof late[count].kind, "%s", task->job.kind);
        count++;
    }
    mutex_unlock(&source->lock);
    for (size_t i = 0; i < count; i++)
        log_warning("a job is past its timeout and is asked to stop: source=%s job=%llu kind=%s "
                    "seconds=%lld",
                    source->config->name, (unsigned long long) late[i].id, late[i].kind,
                    (long long) (now_us - late[i].since_us) / 1000000);
}

enum db_status renewal_run(struct renewal *renewal, struct source *source, struct db *db,
                           struct error *error)
{
    enum db_status status = DB_OK;
    int64_t now_us = clock_now_us();
    bool look = now_us >= renewal->look_at_us;

    if (look)
        renewal->look_at_us = now_us + LOOK_AFTER_US;
    for (size_t i = 0; i < source->all->queue_count && status == DB_OK; i++) {
        status = for_queue(renewal, source, db, &source->all->queues[i], true, error);
        if (status == DB_OK && look)
            status = for_queue(renewal, source, db, &source->all->queues[i], false, error);
    }
    log_overdue(source);
    renewal_expire(source);
    return status;
}

void renewal_expire(struct source *source)
{
    int64_t now_us = clock_now_us();
    size_t expired = 0;

    mutex_lock(&source->lock);
    for (struct list_node *n = source->in_flight.first; n; n = n->next) {
        struct task *task = flight_task(n);
        if (now_us < task->lease_until_us || task->cancelled)
            continue;
        task->cancelled = true;
        expired++;
    }
    mutex_unlock(&source->lock);
    if (expired)
        log_warning("leases ran out and could not be renewed, the jobs are asked to stop: "
                    "source=%s jobs=%zu",
                    source->config->name, expired);
}
