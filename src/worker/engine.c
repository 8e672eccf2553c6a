#include "engine.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "pool.h"
#include "registry.h"
#include "source.h"
#include "task.h"
#include "worker_name.h"

struct engine {
    struct config *config;
    struct registry *registry;
    struct ledger *ledger;   /* NULL: none */
    struct pool **pools;     /* one a queue */
    struct source **sources; /* one a source */
    char worker[WORKER_NAME_SIZE];
};

static void on_finish(const struct dueq_job *job, enum dueq_outcome outcome, int64_t delay_us,
                      const char *message)
{
    struct task *task = task_of(job);

    /* The outcome is written before the phase, so that whoever sees the phase sees it. */
    if (task->phase & TASK_FINISHED) {
        log_error("a handler finished a job twice; the first outcome counts: job=%llu kind=%s",
                  (unsigned long long) task->job.id, task->job.kind);
        return;
    }
    size_t len = message ? strnlen(message, TASK_MESSAGE_SIZE) : 0;
    task_resolve(task, (int32_t) outcome, delay_us, message, len);
    if (!(atomic_fetch_or(&task->phase, TASK_FINISHED) & TASK_RETURNED))
        return; /* run() has not returned: the pool thread publishes it */
    if (pool_end_pending(task->pool))
        source_unblock(task->source);
    source_publish(task->source, task);
}

static int32_t on_cancelled(const struct dueq_job *job)
{
    const struct task *task = task_of(job);
    return task->cancelled || clock_now_us() >= task->deadline_us;
}

static void on_extend(const struct dueq_job *job, int64_t timeout_us)
{
    int64_t deadline_us;
    if (__builtin_add_overflow(clock_now_us(), timeout_us > 0 ? timeout_us : 0, &deadline_us))
        deadline_us = INT64_MAX;
    task_of(job)->deadline_us = deadline_us;
}

static const struct handler_callbacks callbacks = { .finish = on_finish,
                                                    .cancelled = on_cancelled,
                                                    .extend = on_extend };

static int make_pools(struct engine *engine)
{
    const struct config *config = engine->config;
    engine->pools = calloc(config->queue_count, sizeof(struct pool *));
    int error = engine->pools ? 0 : -ENOMEM;
    for (size_t i = 0; !error && i < config->queue_count; i++)
        error = pool_new(&config->queues[i], engine->registry, engine->ledger, &engine->pools[i]);
    return error;
}

static int make_sources(struct engine *engine)
{
    const struct config *config = engine->config;
    engine->sources = calloc(config->source_count, sizeof(struct source *));
    int error = engine->sources ? 0 : -ENOMEM;
    for (size_t i = 0; !error && i < config->source_count; i++)
        error = source_new(config, &config->sources[i], engine->registry, engine->pools,
                           engine->worker, engine->ledger, &engine->sources[i]);
    return error;
}

int engine_new(struct config *config, enum engine_plugins plugins, struct engine **ret_engine,
               struct config_report *report)
{
    size_t errors_before = report->error_count;
    struct engine *engine = calloc(1, sizeof *engine);
    if (!engine) {
        config_free(config);
        return -ENOMEM;
    }
    engine->config = config;
    worker_name(engine->worker);

    int error = registry_new(config, &callbacks, &engine->registry, report);
    if (!error) {
        size_t errors = report->error_count - errors_before;
        if (plugins == ENGINE_PASSES_OVER_BAD_PLUGINS)
            errors -= registry_left_out(engine->registry);
        if (errors > 0)
            error = -EINVAL;
    }
    if (error) {
        engine_free(engine);
        return error;
    }
    *ret_engine = engine;
    return 0;
}

int engine_start(struct engine *engine, struct ledger *ledger)
{
    engine->ledger = ledger;
    int error = make_pools(engine);
    if (!error)
        error = make_sources(engine);
    for (size_t i = 0; !error && i < engine->config->source_count; i++)
        error = source_start(engine->sources[i]);
    return error;
}

const struct config *engine_config(const struct engine *engine)
{
    return engine->config;
}

/* NOLINTBEGIN(bugprone-macro-parentheses): `source` is declared */
#define FOR_EACH_SOURCE(engine, source)                                                            \
    for (struct source **source = (engine)->sources;                                               \
         source && source < (engine)->sources + (engine)->config->source_count; source++)          \
        if (*source)
/* NOLINTEND(bugprone-macro-parentheses) */

bool engine_is_ready(struct engine *engine)
{
    FOR_EACH_SOURCE(engine, source)
    if (source_is_ready(*source))
        return true;
    return false;
}

/* What waits in the inboxes is given back: another daemon can begin it at once. */
static void withdraw(struct engine *engine)
{
    for (size_t i = 0; engine->pools && i < engine->config->queue_count; i++) {
        struct list tasks = { 0 };
        struct list_node *node;
        if (engine->pools[i])
            pool_withdraw(engine->pools[i], &tasks);
        while ((node = list_take_first(&tasks))) {
            struct task *task = list_entry(node, struct task, node);
            task_release(task);
            source_publish(task->source, task);
        }
    }
}

void engine_drain(struct engine *engine)
{
    FOR_EACH_SOURCE(engine, source)
    source_drain(*source);
    withdraw(engine);
}

bool engine_is_drained(struct engine *engine)
{
    withdraw(engine); /* a claim that was under way when the drain began may have brought more */
    FOR_EACH_SOURCE(engine, source)
    if (!source_drained(*source))
        return false;
    return true;
}

void engine_cancel(struct engine *engine)
{
    FOR_EACH_SOURCE(engine, source)
    source_cancel_all(*source);
}

size_t engine_in_flight(struct engine *engine)
{
    size_t count = 0;
    FOR_EACH_SOURCE(engine, source)
    count += source_in_flight(*source);
    return count;
}

void engine_abandon(struct engine *engine)
{
    engine_drain(engine);
    FOR_EACH_SOURCE(engine, source)
    source_stop(*source);
}

void engine_free(struct engine *engine)
{
    if (!engine)
        return;
    engine_abandon(engine);
    for (size_t i = 0; engine->pools && i < engine->config->queue_count; i++)
        pool_free(engine->pools[i]);
    /* Before the sources: a plugin's own thread may still be on its way out of finish(). */
    registry_free(engine->registry);
    FOR_EACH_SOURCE(engine, source)
    source_free(*source);
    free(engine->sources);
    free(engine->pools);
    config_free(engine->config);
    free(engine);
}

int64_t engine_beat_us(struct engine *engine)
{
    int64_t oldest_us = INT64_MAX;
    FOR_EACH_SOURCE(engine, source)
    {
        int64_t beat_us = source_beat_us(*source);
        if (beat_us < oldest_us)
            oldest_us = beat_us;
    }
    return oldest_us;
}

void engine_kick(struct engine *engine)
{
    FOR_EACH_SOURCE(engine, source)
    source_kick(*source);
}

void engine_describe(struct engine *engine, char *text, size_t size)
{
    size_t ready = 0;
    FOR_EACH_SOURCE(engine, source)
    ready += source_is_ready(*source);
    snprintf(text, size, "%zu of %zu sources ready, %zu jobs in flight", ready,
             engine->config->source_count, engine_in_flight(engine));
}
