#include "lane_settle.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "clock.h"
#include "crashed_job.h"
#include "settled.h"
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

/* The COMMIT of a claim whose answer was lost may still be on its way. Given up at once, a job that
 * was to be given back would stay leased with nobody to run it; and one that ran would not be found
 * as it is then. Looked for again for about a second; what may be either, leased or free, in turns.
 */
static bool may_land_yet(struct source *source, struct task *task)
{
    enum { LOOKS = 6 };
    if (!task->in_doubt || task->doubt_looks++ >= LOOKS)
        return false;
    if (!task->doubtful_lease)
        return task->outcome.kind == OUTCOME_RELEASE;
    mutex_lock(&source->lock);
    task->job.lease = task->job.lease ? 0 : task->doubtful_lease;
    mutex_unlock(&source->lock);
    return true;
}

/* What follows a settle: a task that is through goes to `gone`, another one is deferred. */
static void after(struct lane_settle *settle, struct source *source, struct task *task,
                  struct list *gone)
{
    switch (task->outcome.result) {
    case SETTLE_DONE:
        settled_written(source, task);
        list_append(gone, &task->node);
        return;
    case SETTLE_FENCED:
        if (may_land_yet(source, task))
            break;
        fenced(settle, source, task);
        list_append(gone, &task->node);
        return;
    case SETTLE_LATER:
        break;
    case SETTLE_DOUBTFUL:
        task->in_doubt = true;
        break;
    case SETTLE_OPEN:
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

/* Dead, if it has crashed often enough. Where that cannot be read it is tried again, and said. */
static enum db_status judge_crash(const struct source *source, struct db *db, struct task *task,
                                  struct error *error)
{
    struct crashed_job job;

    if (!task->crashed || task->outcome.kind != OUTCOME_RETRY ||
        task->job.attempts < source->all->crash_limit)
        return DB_OK;
    enum db_status status = crashed_job_read(db, task->job.id, task->job.attempts, &job, error);
    if (status == DB_OK && job.crashes + 1 >= source->all->crash_limit) {
        task->outcome.kind = OUTCOME_DEAD;
        task->outcome.reason = DEAD_CRASHED;
    }
    return status == DB_LOST ? DB_LOST : DB_OK;
}

void lane_settle_tasks(struct lane_settle *settle, struct source *source, struct link *link,
                       struct db *db, struct list *tasks)
{
    struct error error = { "" };
    struct list gone = { 0 };
    struct list_node *node;
    enum db_status status = DB_OK;
    size_t n = 0;

    if (!db || !prepare(settle)) {
        while ((node = list_take_first(tasks)))
            source_defer(source, list_entry(node, struct task, node), AGAIN_US);
        return;
    }
    while ((node = list_take_first(tasks))) {
        settle->tasks[n] = list_entry(node, struct task, node);
        if (status == DB_OK)
            status = judge_crash(source, db, settle->tasks[n], &error);
        settle->outcomes[n] = settle->tasks[n]->outcome;
        n++;
    }
    if (status == DB_OK)
        status = settle_outcomes(db, source->worker, settle->outcomes, n, &error);
    if (error.text[0] && (status == DB_OK || status == DB_CONSTRAINT || status == DB_FATAL)) {
        if (log_limit_pass(&settle->refused_log, LOG_EVERY_US, NULL))
            log_error("the database refuses an outcome: %s: source=%s", error.text,
                      source->config->name);
    }
    link_report(link, status, &error);
    source_count_tasks(source, settle->tasks, n);
    /* What was not even tried is deferred first: when they come back together it is before the ones
     * that were refused, and so gets its turn. */
    for (int tried = 0; tried <= 1; tried++)
        for (size_t i = 0; i < n; i++) {
            if ((settle->outcomes[i].result != SETTLE_OPEN) != tried)
                continue;
            settle->tasks[i]->outcome.result = settle->outcomes[i].result;
            after(settle, source, settle->tasks[i], &gone);
        }
    source_forget(source, &gone);
}
