#include "round.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "batch.h"
#include "clock.h"
#include "ledger.h"
#include "settled.h"
#include "source.h"
#include "task.h"

enum { LOG_EVERY_US = 60000000 };

/* Of a round in which it is CLAIM_RUN: it was begun under the row lock. */
static bool was_held(const struct task *task)
{
    return task->gate != NULL;
}

static void submit_held(struct round *round, struct hold_gate *gate)
{
    struct list list = { 0 };

    for (size_t i = 0; i < round->claim.count; i++) {
        struct task *task = round->tasks[i];
        if (!task || round->claim.items[i].verdict != CLAIM_SETTLE)
            continue;
        hold_open(gate, task);
        list_append(&list, &task->node);
    }
    atomic_fetch_add(&round->source->counters.claimed, list.count);
    round->granted -= (uint32_t) list.count;
    pool_submit(round->pool, &list);
}

/* What waits in the inbox still is out of it: nobody but us has it. */
static size_t withdraw(struct round *round)
{
    struct list list = { 0 };
    struct list_node *node;

    pool_withdraw_batch(round->pool, round->batch, &list);
    size_t count = list.count;
    while ((node = list_take_first(&list))) {
        struct task *task = list_entry(node, struct task, node);
        task_release(task);
        (void) hold_finish(task);
    }
    return count;
}

static void judge(struct claimed *item, struct task *task)
{
    /* What crashed is settled under a lease, since it is looked up first how often it has done so.
     */
    if (!hold_close(task) || task->crashed) {
        item->verdict = CLAIM_RUN;
        return;
    }
    task_identify(task);
    item->outcome = task->outcome;
    if (task->outcome.kind == OUTCOME_RELEASE)
        item->verdict = CLAIM_RELEASE;
}

void round_hold(struct round *round, struct round_tools *tools)
{
    submit_held(round, &tools->gate);
    hold_wait(&tools->gate, round->batch, clock_now_us() + round->queue->hold_us);
    size_t withdrawn = round->batch->references > 1 ? withdraw(round) : 0;
    for (size_t i = 0; i < round->claim.count; i++)
        if (round->tasks[i] && was_held(round->tasks[i]))
            judge(&round->claim.items[i], round->tasks[i]);
    source_count_round(round->source, round);
    atomic_fetch_sub(&round->source->counters.claimed, withdrawn);
    source_unblock(round->source);
}

/* The earliest row that this round had and does not have any more is due again at once. */
static void set_back(struct round *round, bool all)
{
    struct source *source = round->source;

    for (size_t i = 0; i < round->claim.count; i++) {
        const struct claimed *item = &round->claim.items[i];
        if (!all && (item->verdict != CLAIM_RELEASE || !round->tasks[i]))
            continue;
        mutex_lock(&source->lock);
        agenda_set_back(round->entry, round->priority, item->job.due_at_us, clock_now_us());
        mutex_unlock(&source->lock);
        return; /* they come in order */
    }
}

/* Into the books, and, finished as they are, to the outbox. */
static void publish(struct source *source, struct list *tasks)
{
    struct list_node *node;

    source_add(source, tasks);
    while ((node = list_take_first(tasks))) {
        struct task *task = list_entry(node, struct task, node);
        task->hold_state = HOLD_NONE;
        source_publish(source, task);
    }
}

/* They run, and are in the books from now on. */
static void let_run(struct source *source, struct list *tasks)
{
    struct list_node *node;

    source_add(source, tasks);
    while ((node = list_take_first(tasks))) {
        struct task *task = list_entry(node, struct task, node);
        if (hold_end(task))
            source_publish(source, task);
    }
}

static void begin(struct round *round, struct list *tasks, bool in_doubt)
{
    struct source *source = round->source;
    struct list_node *node;

    if (source_add(source, tasks) && !in_doubt) {
        atomic_fetch_add(&source->counters.claimed, tasks->count);
        round->granted -= (uint32_t) tasks->count;
        pool_submit(round->pool, tasks);
        return;
    }
    while ((node = list_take_first(tasks))) {
        struct task *task = list_entry(node, struct task, node);
        task_release(task);
        source_publish(source, task);
    }
}

/* finished, running, fresh: what becomes of a task whose lease is committed. */
struct sorted {
    struct list finished, running, fresh;
};

static void take_lease(struct round *round, const struct claimed *item, struct task *task,
                       bool in_doubt, struct sorted *sorted)
{
    task->job.lease = item->job.lease;
    task->lease_until_us = round->begun_us + round->queue->lease_us;
    task->in_doubt = in_doubt;
    if (in_doubt && was_held(task))
        task->doubtful_lease = task->job.lease;
    if (!was_held(task)) {
        batch_reference(round->batch);
        list_append(&sorted->fresh, &task->node);
    } else if (task->hold_state == HOLD_FINISHED) { /* its unique key was a producer's */
        batch_reference(round->batch);
        list_append(&sorted->finished, &task->node);
    } else {
        list_append(&sorted->running, &task->node);
    }
}

void round_expect_leases(struct round *round, uint64_t token)
{
    struct source *source = round->source;

    for (size_t i = 0; i < round->claim.count; i++)
        if (round->claim.items[i].verdict == CLAIM_RUN && round->tasks[i])
            ledger_expect_lease(source->ledger, source->ledger_worker, round->tasks[i], token);
}

/* Where another verdict has come in between, or nothing was committed. */
static void drop_leases(struct round *round, bool all)
{
    for (size_t i = 0; i < round->claim.count; i++)
        if (round->tasks[i] && (all || round->claim.items[i].verdict != CLAIM_RUN))
            ledger_drop_lease(round->source->ledger, round->tasks[i]);
}

/* Then none of the jobs begins: who is to say that they are still ours. */
static void warn_if_late(const struct round *round)
{
    struct source *source = round->source;
    int64_t took_us = clock_now_us() - round->begun_us;

    if (took_us > round->queue->lease_us && log_limit_pass(&source->late_log, LOG_EVERY_US, NULL))
        log_warning(
            "a claim took longer than the leases that it made, which are given back: raise "
            "`lease`, or look why the database is so slow: source=%s queue=%s took_ms=%" PRId64
            " lease_ms=%" PRId64,
            source->config->name, round->queue->name, took_us / 1000,
            round->queue->lease_us / 1000);
}

void round_committed(struct round *round, bool in_doubt)
{
    struct source *source = round->source;
    struct sorted sorted = { .finished = { 0 } };

    drop_leases(round, false);
    for (size_t i = 0; i < round->claim.count; i++) {
        struct claimed *item = &round->claim.items[i];
        struct task *task = round->tasks[i];
        if (item->verdict == CLAIM_RUN && !task) {
            source_adopt(source, &item->job, round->begun_us + round->queue->lease_us, in_doubt);
        } else if (item->verdict == CLAIM_RUN) {
            take_lease(round, item, task, in_doubt, &sorted);
        } else if (item->verdict == CLAIM_SETTLE && in_doubt) {
            task->in_doubt = true;
            batch_reference(round->batch);
            list_append(&sorted.finished, &task->node);
        } else if (item->verdict == CLAIM_SETTLE) {
            settled_written(source, task);
            atomic_fetch_add_explicit(&source->counters.held, 1, memory_order_relaxed);
            free(task->message);
        }
    }
    if (sorted.fresh.count > 0)
        warn_if_late(round);
    publish(source, &sorted.finished);
    let_run(source, &sorted.running);
    begin(round, &sorted.fresh, in_doubt);
    set_back(round, false);
}

void round_lost(struct round *round, struct round_tools *tools)
{
    struct sorted sorted = { .finished = { 0 } };
    uint64_t suppressed = 0;

    drop_leases(round, true);
    for (size_t i = 0; i < round->claim.count; i++) {
        const struct claimed *item = &round->claim.items[i];
        struct task *task = round->tasks[i];
        if (!task || !was_held(task) || item->verdict == CLAIM_RELEASE)
            continue;
        task->lease_until_us = INT64_MAX; /* it has none */
        if (task->hold_state == HOLD_FINISHED) {
            batch_reference(round->batch);
            list_append(&sorted.finished, &task->node);
        } else {
            list_append(&sorted.running, &task->node);
        }
    }
    size_t kept = sorted.finished.count + sorted.running.count;
    if (kept > 0 && log_limit_pass(&tools->lost_log, LOG_EVERY_US, &suppressed))
        log_warning("a transaction that held jobs was lost; what came of them is written as far as "
                    "nobody has run them again meanwhile: source=%s queue=%s jobs=%zu "
                    "not_logged=%" PRIu64,
                    round->source->config->name, round->queue->name, kept, suppressed);
    publish(round->source, &sorted.finished);
    let_run(round->source, &sorted.running);
    set_back(round, true);
}

void round_return(struct round *round, uint32_t count)
{
    if (count == 0)
        return;
    mutex_lock(&round->source->lock);
    agenda_allow_back(round->entry, count);
    mutex_unlock(&round->source->lock);
    round->granted -= count;
    if (pool_unreserve(round->pool, count))
        source_unblock(round->source);
}

void round_end(struct round *round)
{
    round_return(round, round->granted);
    (void) batch_release(round->batch);
}
