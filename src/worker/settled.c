#include "settled.h"

#include <stdatomic.h>

#include "clock.h"
#include "source.h"
#include "task.h"

enum { LOG_EVERY_US = 1000000 };

static void count(struct source_counters *counters, enum outcome_kind kind)
{
    _Atomic uint64_t *const counter[] = {
        [OUTCOME_DONE] = &counters->done,        [OUTCOME_RETRY] = &counters->retried,
        [OUTCOME_SNOOZE] = &counters->snoozed,   [OUTCOME_DEAD] = &counters->dead,
        [OUTCOME_RELEASE] = &counters->released,
    };
    atomic_fetch_add_explicit(counter[kind], 1, memory_order_relaxed);
}

/* A timer of our own: the queue may be looked at less often than that. */
static void ring(struct source *source, const struct task *task)
{
    int64_t at_us, delay_us = task->outcome.kind == OUTCOME_RELEASE ? 0 : task->outcome.delay_us;

    if (task->outcome.kind == OUTCOME_DONE || task->outcome.kind == OUTCOME_DEAD ||
        __builtin_add_overflow(clock_now_us(), delay_us, &at_us))
        return;
    mutex_lock(&source->lock);
    struct agenda_entry *entry = agenda_find(&source->agenda, task->queue->name);
    if (entry)
        agenda_hurry(entry, at_us);
    mutex_unlock(&source->lock);
}

void settled_written(struct source *source, const struct task *task)
{
    uint64_t suppressed = 0;

    count(&source->counters, task->outcome.kind);
    if (task->outcome.kind == OUTCOME_DONE)
        return;
    if (task->outcome.kind == OUTCOME_DEAD &&
        log_limit_pass(&source->dead_log, LOG_EVERY_US, &suppressed))
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
