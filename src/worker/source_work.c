#include "source.h"

#include "clock.h"
#include "hold.h"
#include "task.h"

enum {
    SETTLE_FULL = 500,              /* outcomes that are settled without waiting for more */
    SETTLE_LINGER_US = 5000,        /* how long one waits for company while others are running */
    IDLE_WAIT_US = 1000000,         /* a waiting lane shows a sign of life this often */
    UNSETTLED_MAX = 4 * SETTLE_MAX, /* outcomes that wait: beyond it nothing more is claimed */
};

/* Finished, and in nobody's hands: the outbox and what was deferred. */
static bool all_finished(const struct source *source)
{
    return source->outbox.count + source->deferred.count + source->settling ==
           source->in_flight.count;
}

/* Where the database takes no outcomes, but lets us claim, the ones that wait for it would grow
 * without end. */
static bool may_claim(const struct source *source)
{
    return source->ready && source->schema_ok && !source->draining &&
           source->outbox.count + source->deferred.count + source->settling <= UNSETTLED_MAX;
}

void source_unblock(struct source *source)
{
    mutex_lock(&source->lock);
    if (agenda_unblock(&source->agenda))
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
    if (source->outbox.count == 1 || source->outbox.count == SETTLE_FULL || all_finished(source))
        condition_signal(&source->wake);
    mutex_unlock(&source->lock);
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
