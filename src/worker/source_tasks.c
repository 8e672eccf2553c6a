#include "source.h"

#include <stdlib.h>

#include "batch.h"
#include "clock.h"
#include "ledger.h"
#include "round.h"
#include "run_time.h"
#include "task.h"

size_t source_in_flight(struct source *source)
{
    mutex_lock(&source->lock);
    size_t count = source->in_flight.count;
    mutex_unlock(&source->lock);
    return count;
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

bool source_may_begin(struct task *task)
{
    bool may = clock_now_us() < task->lease_until_us && !task->cancelled;
    if (!may)
        task_release(task);
    return may;
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
    ledger_add_leases(source->ledger, source->ledger_worker, tasks);
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
    ledger_remove_leases(source->ledger, tasks);
    source->settling -= tasks->count;
    agenda_unblock(&source->agenda);
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
