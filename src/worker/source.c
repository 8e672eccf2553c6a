#include "source.h"

#include <assert.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "batch.h"
#include "clock.h"
#include "doorbell.h"
#include "keeper.h"
#include "lane.h"
#include "lease_token.h"
#include "random.h"
#include "task.h"

enum {
    SETTLE_FULL = 500,              /* outcomes that are settled without waiting for more */
    SETTLE_LINGER_US = 5000,        /* how long one waits for company while others are running */
    IDLE_WAIT_US = 1000000,         /* a waiting lane shows a sign of life this often */
    UNSETTLED_MAX = 4 * SETTLE_MAX, /* outcomes that wait: beyond it nothing more is claimed */
};

int source_new(const struct config *all, const struct config_source *config,
               const struct registry *registry, struct pool **pools, const char *worker,
               struct source **ret_source)
{
    struct source *source = calloc(1, sizeof *source);
    if (!source)
        return -ENOMEM;
    source->all = all;
    source->config = config;
    source->registry = registry;
    source->pools = pools;
    source->worker = worker;
    source->schema_ok = true;
    source->next_token = random_u64();
    mutex_init(&source->lock);
    condition_init(&source->wake);
    condition_init(&source->keeper_wake);
    source->unbound = unbound_new();
    if (!source->unbound || agenda_init(&source->agenda, all->queues, all->queue_count) != 0) {
        source_free(source);
        return -ENOMEM;
    }
    *ret_source = source;
    return 0;
}

int source_start(struct source *source)
{
    int error = keeper_start(source, &source->keeper);
    if (!error)
        error = lanes_start(source, source->config->lanes, &source->lanes, &source->lane_count);
    if (!error)
        error = doorbell_start(source, &source->doorbell);
    return error;
}

void source_drain(struct source *source)
{
    mutex_lock(&source->lock);
    source->draining = true;
    condition_broadcast(&source->wake);
    condition_signal(&source->keeper_wake);
    mutex_unlock(&source->lock);
    doorbell_end(source->doorbell);
}

bool source_drained(struct source *source)
{
    mutex_lock(&source->lock);
    bool drained = source->draining && source->claiming == 0 && source->in_flight.count == 0;
    mutex_unlock(&source->lock);
    return drained;
}

size_t source_in_flight(struct source *source)
{
    mutex_lock(&source->lock);
    size_t count = source->in_flight.count;
    mutex_unlock(&source->lock);
    return count;
}

bool source_is_ready(struct source *source)
{
    mutex_lock(&source->lock);
    bool ready = source->ready;
    mutex_unlock(&source->lock);
    return ready;
}

void source_cancel_all(struct source *source)
{
    mutex_lock(&source->lock);
    for (struct list_node *n = source->in_flight.first; n; n = n->next) {
        struct task *task = list_entry(n, struct task, flight_node);
        task->shutdown = true;
        task->cancelled = true;
    }
    mutex_unlock(&source->lock);
}

void source_stop(struct source *source)
{
    mutex_lock(&source->lock);
    source->draining = true;
    source->stopping = true;
    condition_broadcast(&source->wake);
    mutex_unlock(&source->lock);
    doorbell_join(source->doorbell);
    source->doorbell = NULL;
    lanes_join(source->lanes, source->lane_count);
    source->lanes = NULL;
    source->lane_count = 0;

    mutex_lock(&source->lock);
    source->lanes_ended = true;
    condition_signal(&source->keeper_wake);
    mutex_unlock(&source->lock);
    keeper_join(source->keeper);
    source->keeper = NULL;
}

void source_free(struct source *source)
{
    if (!source)
        return;
    assert(!source->lanes && !source->keeper && !source->doorbell);
    agenda_done(&source->agenda);
    unbound_free(source->unbound);
    condition_done(&source->keeper_wake);
    condition_done(&source->wake);
    mutex_done(&source->lock);
    free(source);
}

int64_t source_beat_us(struct source *source)
{
    int64_t oldest_us = keeper_beat_us(source->keeper);
    int64_t lanes_us = lanes_beat_us(source->lanes, source->lane_count);
    return oldest_us < lanes_us ? oldest_us : lanes_us;
}

void source_kick(struct source *source)
{
    mutex_lock(&source->lock);
    for (size_t i = 0; i < source->agenda.count; i++)
        agenda_hurry(&source->agenda.entries[i], 0);
    condition_broadcast(&source->wake);
    mutex_unlock(&source->lock);
}

/* Finished, and in nobody's hands: the outbox and what was deferred. */
static bool all_finished(const struct source *source)
{
    return source->outbox.count + source->deferred.count + source->settling ==
           source->in_flight.count;
}

/* Pools have room again as soon as a handler has ended. Where the database takes no outcomes, but
 * lets us claim, the ones that wait for it would grow without end. */
static bool may_claim(const struct source *source)
{
    return source->ready && source->schema_ok && !source->draining &&
           source->outbox.count + source->deferred.count + source->settling <= UNSETTLED_MAX;
}

/* There is room in a pool again for queues that found none. */
static bool unblock(struct source *source)
{
    bool any = false;
    for (size_t i = 0; i < source->agenda.count; i++) {
        struct agenda_entry *entry = &source->agenda.entries[i];
        if (!entry->blocked)
            continue;
        entry->blocked = false;
        agenda_hurry(entry, 0);
        any = true;
    }
    return any;
}

void source_publish(struct source *source, struct task *task)
{
    mutex_lock(&source->lock);
    if (!source->outbox.first)
        source->outbox_since_us = clock_now_us();
    list_append(&source->outbox, &task->node);
    if (unblock(source) || source->outbox.count == 1 || source->outbox.count == SETTLE_FULL ||
        all_finished(source))
        condition_signal(&source->wake);
    mutex_unlock(&source->lock);
}

bool source_may_begin(struct task *task)
{
    bool may = clock_now_us() < task->lease_until_us && !task->cancelled;
    if (!may)
        task_release(task);
    return may;
}

static void recall_deferred(struct source *source, int64_t now_us, int64_t *next_us)
{
    for (struct list_node *n = source->deferred.first, *next; n; n = next) {
        struct task *task = list_entry(n, struct task, node);
        next = n->next;
        if (task->settle_at_us > now_us) {
            if (task->settle_at_us < *next_us)
                *next_us = task->settle_at_us;
            continue;
        }
        list_remove(&source->deferred, n);
        if (!source->outbox.first)
            source->outbox_since_us = now_us;
        list_append(&source->outbox, n);
    }
}

static bool time_to_settle(const struct source *source, int64_t now_us)
{
    return source->outbox.first &&
           (source->outbox.count >= SETTLE_FULL || source->draining || all_finished(source) ||
            now_us >= source->outbox_since_us + SETTLE_LINGER_US);
}

static void take_outcomes(struct source *source, struct list *ret_tasks, int64_t now_us)
{
    while (source->outbox.first && ret_tasks->count < SETTLE_MAX) {
        struct list_node *node = list_take_first(&source->outbox);
        list_entry(node, struct task, node)->settling = true;
        list_append(ret_tasks, node);
    }
    source->settling += ret_tasks->count;
    source->outbox_since_us = now_us;
}

enum work source_next_work(struct source *source, struct list *ret_tasks,
                           struct agenda_entry **ret_entry, int64_t until_us,
                           _Atomic int64_t *beat_us)
{
    enum work work;

    mutex_lock(&source->lock);
    for (;;) {
        int64_t now_us = clock_now_us();
        int64_t wake_us = now_us + IDLE_WAIT_US;
        *beat_us = now_us;

        recall_deferred(source, now_us, &wake_us);
        if (time_to_settle(source, now_us)) {
            take_outcomes(source, ret_tasks, now_us);
            work = WORK_SETTLE;
            break;
        }
        if (source->draining && (source->stopping || source->in_flight.count == 0)) {
            condition_broadcast(&source->wake);
            work = WORK_END;
            break;
        }
        if (may_claim(source)) {
            int64_t next_us = INT64_MAX;
            *ret_entry = agenda_take(&source->agenda, now_us, &next_us);
            if (*ret_entry) {
                source->claiming++;
                work = WORK_CLAIM;
                break;
            }
            if (next_us < wake_us)
                wake_us = next_us;
        }
        if (now_us >= until_us) {
            work = WORK_NONE;
            break;
        }
        if (until_us < wake_us)
            wake_us = until_us;
        if (source->outbox.first && source->outbox_since_us + SETTLE_LINGER_US < wake_us)
            wake_us = source->outbox_since_us + SETTLE_LINGER_US;
        condition_wait_until(&source->wake, &source->lock, wake_us);
    }
    mutex_unlock(&source->lock);
    return work;
}

void source_end_claim(struct source *source)
{
    mutex_lock(&source->lock);
    source->claiming--;
    mutex_unlock(&source->lock);
}

bool source_add(struct source *source, const struct list *tasks)
{
    mutex_lock(&source->lock);
    bool draining = source->draining;
    for (struct list_node *n = tasks->first; n; n = n->next)
        list_append(&source->in_flight, &list_entry(n, struct task, node)->flight_node);
    mutex_unlock(&source->lock);
    return !draining;
}

void source_forget(struct source *source, struct list *tasks)
{
    struct list_node *node;

    if (!tasks->first)
        return;
    mutex_lock(&source->lock);
    for (node = tasks->first; node; node = node->next)
        list_remove(&source->in_flight, &list_entry(node, struct task, node)->flight_node);
    source->settling -= tasks->count;
    unblock(source);
    if (source->draining && source->in_flight.count == 0)
        condition_broadcast(&source->wake);
    mutex_unlock(&source->lock);

    while ((node = list_take_first(tasks))) {
        struct task *task = list_entry(node, struct task, node);
        struct batch *batch = task->batch; /* the task lies in it */
        free(task->message); /* NOLINT(clang-analyzer-unix.Malloc): takes all nodes for the first */
        batch_release(batch);
    }
}

void source_defer(struct source *source, struct task *task, int64_t delay_us)
{
    mutex_lock(&source->lock);
    task->settling = false;
    task->settle_at_us = clock_now_us() + delay_us;
    source->settling--;
    list_append(&source->deferred, &task->node);
    mutex_unlock(&source->lock);
}

bool source_runs(struct source *source, uint64_t id)
{
    bool found = false;
    mutex_lock(&source->lock);
    for (struct list_node *n = source->in_flight.first; n && !found; n = n->next)
        found = list_entry(n, struct task, flight_node)->job.id == id;
    mutex_unlock(&source->lock);
    return found;
}

uint64_t source_token(struct source *source)
{
    mutex_lock(&source->lock);
    uint64_t token = lease_token(source->worker_id, source->next_token++);
    mutex_unlock(&source->lock);
    return token;
}
