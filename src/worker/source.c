#include "source.h"

#include <assert.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "batch.h"
#include "clock.h"
#include "doorbell.h"
#include "hold.h"
#include "keeper.h"
#include "lane.h"
#include "lease_token.h"
#include "random.h"
#include "round.h"
#include "run_time.h"
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
    source->binding_count = registry ? registry_count(registry) : 0;
    source->run_times = calloc(source->binding_count + 1, sizeof *source->run_times);
    if (!source->unbound || !source->run_times ||
        agenda_init(&source->agenda, all->queues, all->queue_count, clock_now_us()) != 0) {
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
    free(source->run_times);
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

void source_unblock(struct source *source)
{
    mutex_lock(&source->lock);
    if (unblock(source))
        condition_signal(&source->wake);
    mutex_unlock(&source->lock);
}

void source_publish(struct source *source, struct task *task)
{
    if (hold_finish(task))
        return;
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
        struct task *task = list_entry(node, struct task, node);
        task->settling = true;
        task_identify(task);
        list_append(ret_tasks, node);
    }
    source->settling += ret_tasks->count;
    source->outbox_since_us = now_us;
}

/* False: there is nothing to look at yet; *wake_us is no later than when there will be. */
static bool take_queue(struct source *source, struct assignment *ret_assignment,
                       enum work *ret_work, int64_t now_us, int64_t *wake_us)
{
    int64_t next_us = INT64_MAX;
    struct agenda_entry *entry = agenda_take(&source->agenda, now_us, &next_us);

    if (!entry) {
        if (next_us < *wake_us)
            *wake_us = next_us;
        return false;
    }
    if (agenda_wants_probe(entry, now_us)) {
        ret_assignment->entry_count = agenda_probe_round(&source->agenda, entry, now_us,
                                                         ret_assignment->entries, PROBE_QUEUES_MAX);
        *ret_work = WORK_PROBE;
    } else {
        ret_assignment->entries[0] = entry;
        ret_assignment->entry_count = 1;
        source->claiming++;
        *ret_work = WORK_CLAIM;
    }
    return true;
}

enum work source_next_work(struct source *source, struct assignment *ret_assignment,
                           int64_t until_us, _Atomic int64_t *beat_us)
{
    enum work work;

    mutex_lock(&source->lock);
    for (;;) {
        int64_t now_us = clock_now_us();
        int64_t wake_us = now_us + IDLE_WAIT_US;
        *beat_us = now_us;

        recall_deferred(source, now_us, &wake_us);
        if (time_to_settle(source, now_us)) {
            take_outcomes(source, &ret_assignment->tasks, now_us);
            work = WORK_SETTLE;
            break;
        }
        if (source->draining && (source->stopping || source->in_flight.count == 0)) {
            condition_broadcast(&source->wake);
            work = WORK_END;
            break;
        }
        if (may_claim(source) && take_queue(source, ret_assignment, &work, now_us, &wake_us))
            break;
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
    for (struct list_node *n = tasks->first; n; n = n->next) {
        struct task *task = list_entry(n, struct task, node);
        task->unlocked = !task->job.lease || task->doubtful_lease;
        source->unlocked += task->unlocked ? 1 : 0;
        list_append(&source->in_flight, &task->flight_node);
    }
    mutex_unlock(&source->lock);
    return !draining;
}

void source_forget(struct source *source, struct list *tasks)
{
    struct list_node *node;

    if (!tasks->first)
        return;
    mutex_lock(&source->lock);
    for (node = tasks->first; node; node = node->next) {
        struct task *task = list_entry(node, struct task, node);
        source->unlocked -= task->unlocked ? 1 : 0;
        list_remove(&source->in_flight, &task->flight_node);
    }
    source->settling -= tasks->count;
    unblock(source);
    if (source->draining && source->in_flight.count == 0)
        condition_broadcast(&source->wake);
    mutex_unlock(&source->lock);

    while ((node = list_take_first(tasks))) {
        struct task *task = list_entry(node, struct task, node);
        struct batch *batch = task->batch; /* the task lies in it */
        free(task->message); /* NOLINT(clang-analyzer-unix.Malloc): takes all nodes for the first */
        (void) batch_release(batch);
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

/* The attempt that would be the row's next one, and that is without lock or lease. */
static bool is_next_attempt(const struct task *task, const struct job *row)
{
    return task->unlocked && !row->expired_lease && row->attempts + 1 == task->job.attempts &&
           row->due_at_us == task->job.due_at_us;
}

enum source_find source_find(struct source *source, const struct job *row)
{
    enum source_find found = SOURCE_HAS_NOT;

    if (!row->expired_lease && source->unlocked == 0)
        return SOURCE_HAS_NOT;
    mutex_lock(&source->lock);
    for (struct list_node *n = source->in_flight.first; n && !found; n = n->next) {
        const struct task *task = list_entry(n, struct task, flight_node);
        if (task->job.id != row->id)
            continue;
        if (is_next_attempt(task, row))
            found = task->settling ? SOURCE_SETTLES : SOURCE_RUNS_WITHOUT_LOCK;
        else if (row->expired_lease)
            found = SOURCE_RUNS;
    }
    mutex_unlock(&source->lock);
    return found;
}

void source_adopt(struct source *source, const struct job *row, int64_t lease_until_us,
                  bool in_doubt)
{
    mutex_lock(&source->lock);
    for (struct list_node *n = source->in_flight.first; n; n = n->next) {
        struct task *task = list_entry(n, struct task, flight_node);
        if (task->job.id != row->id || !task->unlocked || task->job.attempts != row->attempts)
            continue;
        task->job.lease = row->lease;
        task->lease_until_us = lease_until_us;
        task->in_doubt = in_doubt;
        task->doubtful_lease = in_doubt ? row->lease : 0;
        task->unlocked = in_doubt;
        source->unlocked -= in_doubt ? 0 : 1;
        break;
    }
    mutex_unlock(&source->lock);
}

uint64_t source_token(struct source *source)
{
    mutex_lock(&source->lock);
    uint64_t token = lease_token(source->worker_id, source->next_token++);
    mutex_unlock(&source->lock);
    return token;
}

static void update_run_times(struct source *source)
{
    for (size_t i = 0; i < source->binding_count; i++)
        run_time_update(&source->run_times[i]);
}

int64_t source_run_time_us(struct source *source, const struct binding *binding)
{
    return source->run_times[binding->index].p95_us;
}

void source_count_round(struct source *source, const struct round *round)
{
    mutex_lock(&source->lock);
    for (size_t i = 0; i < round->claim.count; i++) {
        const struct task *task = round->tasks[i];
        if (!task || !task->gate)
            continue;
        struct run_time *run_time = &source->run_times[task->binding->index];
        if (round->claim.items[i].verdict == CLAIM_RUN) /* it runs still: longer than that */
            run_time_add(run_time, round->queue->hold_us + 1);
        else if (task->took_us > 0)
            run_time_add(run_time, task->took_us);
    }
    update_run_times(source);
    mutex_unlock(&source->lock);
}

void source_count_tasks(struct source *source, struct task *const *tasks, size_t count)
{
    mutex_lock(&source->lock);
    for (size_t i = 0; i < count; i++)
        if (tasks[i]->took_us > 0) {
            run_time_add(&source->run_times[tasks[i]->binding->index], tasks[i]->took_us);
            tasks[i]->took_us = 0; /* once, however often its settle is tried */
        }
    update_run_times(source);
    mutex_unlock(&source->lock);
}
