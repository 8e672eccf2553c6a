#include "lane_settle.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "clock.h"
#include "task.h"

enum {
    AGAIN_US = 20000, /* after a lock of somebody else's: doubled each time */
    AGAIN_MAX_US = 1000000,
    LOG_EVERY_US = 1000000,
};

void lane_settle_done(struct lane_settle *settle)
{
    free(settle->outcomes);
    free(settle->tasks);
}

static int64_t again_us(struct task *task)
{
    unsigned tries = task->settle_tries < 6 ? task->settle_tries : 6;
    task->settle_tries++;
    int64_t delay_us = (int64_t) AGAIN_US << tries;
    return delay_us < AGAIN_MAX_US ? delay_us : AGAIN_MAX_US;
}

static void count(struct source_counters *counters, enum outcome_kind kind)
{
    _Atomic uint64_t *const counter[] = {
        [OUTCOME_DONE] = &counters->done,        [OUTCOME_RETRY] = &counters->retried,
        [OUTCOME_SNOOZE] = &counters->snoozed,   [OUTCOME_DEAD] = &counters->dead,
        [OUTCOME_RELEASE] = &counters->released,
    };
    atomic_fetch_add_explicit(counter[kind], 1, memory_order_relaxed);
}

/* A delay shorter than the poll interval is a timer of our own. */
static void ring(struct source *source, const struct task *task)
{
    int64_t delay_us = task->outcome.kind == OUTCOME_RELEASE ? 0 : task->outcome.delay_us;
    if (task->outcome.kind == OUTCOME_DONE || task->outcome.kind == OUTCOME_DEAD ||
        delay_us >= task->queue->poll_us)
        return;
    mutex_lock(&source->lock);
    struct agenda_entry *entry = agenda_find(&source->agenda, task->queue->name);
    if (entry)
        agenda_hurry(entry, clock_now_us() + delay_us);
    mutex_unlock(&source->lock);
}

static void written(struct lane_settle *settle, struct source *source, const struct task *task)
{
    uint64_t suppressed = 0;

    count(&source->counters, task->outcome.kind);
    if (task->outcome.kind == OUTCOME_DEAD &&
        log_limit_pass(&settle->dead_log, LOG_EVERY_US, &suppressed))
        log_warning("a job is dead: %.200s: source=%s job=%llu kind=%s attempt=%u reason=%s "
                    "not_logged=%llu",
                    task->outcome.message, source->config->name, (unsigned long long) task->job.id,
                    task->job.kind, task->job.attempts, dead_reason_name(task->outcome.reason),
                    (unsigned long long) suppressed);
    if (task->outcome.kind == OUTCOME_RETRY)
        log_debug(
            "an attempt failed: %.200s: source=%s job=%llu kind=%s attempt=%u retry_in_us=%lld",
            task->outcome.message, source->config->name, (unsigned long long) task->job.id,
            task->job.kind, task->job.attempts, (long long) task->outcome.delay_us);
    ring(source, task);
}

static void fenced(struct lane_settle *settle, struct source *source, const struct task *task)
{
    uint64_t suppressed = 0;

    /* Given back, or settled by the COMMIT whose answer was lost: nothing was refused. */
    if (task->outcome.kind == OUTCOME_RELEASE || task->in_doubt)
        return;
    atomic_fetch_add(&source->counters.fenced, 1);
    if (log_limit_pass(&settle->fenced_log, LOG_EVERY_US, &suppressed))
        log_warning("an outcome is refused: the job was taken over, replaced or removed while it "
                    "ran: source=%s "
                    "job=%llu kind=%s attempt=%u not_logged=%llu",
                    source->config->name, (unsigned long long) task->job.id, task->job.kind,
                    task->job.attempts, (unsigned long long) suppressed);
}

/* The lease of a claim in doubt is not to be seen now, but its COMMIT may still be on its way:
 * given up at once, the job would stay leased with nobody to run it. Looked for again for about a
 * second. */
static bool may_land_yet(const struct task *task)
{
    enum { LOOKS = 6 };
    return task->in_doubt && task->outcome.kind == OUTCOME_RELEASE && task->settle_tries < LOOKS;
}

/* What follows a settle: a task that is through goes to `gone`, another one is deferred. */
static void after(struct lane_settle *settle, struct source *source, struct task *task,
                  enum db_status status, struct list *gone)
{
    switch (task->outcome.result) {
    case SETTLE_DONE:
        written(settle, source, task);
        list_append(gone, &task->node);
        return;
    case SETTLE_FENCED:
        if (may_land_yet(task))
            break;
        fenced(settle, source, task);
        list_append(gone, &task->node);
        return;
    case SETTLE_LATER:
        break;
    case SETTLE_OPEN:
        task->in_doubt = task->in_doubt || status == DB_LOST;
        break;
    }
    source_defer(source, task, again_us(task));
}

static bool prepare(struct lane_settle *settle)
{
    if (!settle->outcomes)
        settle->outcomes = calloc(SETTLE_MAX, sizeof *settle->outcomes);
    if (!settle->tasks)
        settle->tasks = calloc(SETTLE_MAX, sizeof *settle->tasks);
    return settle->outcomes && settle->tasks;
}

void lane_settle_tasks(struct lane_settle *settle, struct source *source, struct link *link,
                       struct db *db, struct list *tasks)
{
    struct error error = { "" };
    struct list gone = { 0 };
    struct list_node *node;
    size_t n = 0;

    if (!db || !prepare(settle)) {
        while ((node = list_take_first(tasks)))
            source_defer(source, list_entry(node, struct task, node), AGAIN_US);
        return;
    }
    while ((node = list_take_first(tasks))) {
        settle->tasks[n] = list_entry(node, struct task, node);
        settle->tasks[n]->outcome.result = SETTLE_OPEN;
        settle->outcomes[n] = settle->tasks[n]->outcome;
        n++;
    }
    enum db_status status = settle_outcomes(db, source->worker, settle->outcomes, n, &error);
    if (error.text[0] && (status == DB_OK || status == DB_CONSTRAINT || status == DB_FATAL)) {
        if (log_limit_pass(&settle->refused_log, LOG_EVERY_US, NULL))
            log_error("the database refuses an outcome: %s: source=%s", error.text,
                      source->config->name);
    }
    link_report(link, status, &error);
    /* What was not even tried is deferred first: when they come back together it is before the ones
     * that were refused, and so gets its turn. */
    for (int tried = 0; tried <= 1; tried++)
        for (size_t i = 0; i < n; i++) {
            if ((settle->outcomes[i].result != SETTLE_OPEN) != tried)
                continue;
            settle->tasks[i]->outcome.result = settle->outcomes[i].result;
            after(settle, source, settle->tasks[i], status, &gone);
        }
    source_forget(source, &gone);
}
