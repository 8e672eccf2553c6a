#include "pool.h"

#include <assert.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "isolation.h"
#include "ledger.h"
#include "source.h"
#include "task.h"
#include "thread.h"

enum {
    PREFETCH_US = 100000, /* of work ahead of the threads: several round trips to the database */
    PREFETCH_BATCHES = 2, /* at most, however quick the handlers are */
    HELD_BATCHES = 16,    /* the same where jobs are held: what is too much comes back soon, and
                             each lane wants a batch of its own */
    ROOM_PART = 4,        /* of what may wait; less of that is no room */
    MEAN_WEIGHT = 16,     /* the last 16 jobs or so make the mean */
};

struct pool {
    const struct config_queue *config;
    const struct registry *registry;
    struct ledger *ledger;
    pthread_t *threads;
    uint32_t thread_count; /* started */

    struct mutex lock;
    struct condition wake; /* inbox not empty, or stopping */
    struct list inbox;     /* lock, as all below */
    uint32_t sleeping;
    uint32_t running;   /* in run() */
    uint32_t in_flight; /* begun and not ended: running, or pending after run() */
    uint32_t reserved;
    int64_t mean_us; /* of run(); -1: no job has run yet */
    bool awaited;    /* a claim found no room; below which limit: */
    uint32_t awaited_limit;
    bool stopping;
};

/* What a handler's thread_open made, by binding. */
struct thread_local_state {
    bool open;
    void *local;
};

/* What one of the threads has to itself. */
struct pool_thread {
    struct thread_local_state *states;
    struct ledger_thread *ledger;
};

static bool open_thread(const struct binding *binding, struct thread_local_state *state)
{
    if (state->open)
        return true;
    if (binding->handler->thread_open &&
        binding->handler->thread_open(binding->instance, &state->local) != 0)
        return false;
    state->open = true;
    return true;
}

static void close_thread(const struct registry *registry, struct thread_local_state *states)
{
    for (size_t i = 0; i < registry_count(registry); i++) {
        const struct binding *binding = registry_at(registry, i);
        if (states[i].open && binding->handler->thread_close)
            binding->handler->thread_close(binding->instance, states[i].local);
    }
}

/* Runs the handler. True: the outcome is set, and the caller publishes it. False: the job is
 * pending, and whoever finishes it does that. */
static bool run_task(struct task *task, struct thread_local_state *states)
{
    const struct binding *binding = task->binding;
    char message[TASK_MESSAGE_SIZE];
    struct dueq_result result = {
        .size = sizeof result, .message_size = sizeof message, .delay_us = -1, .message = message
    };
    message[0] = '\0';

    if (!open_thread(binding, &states[binding->index])) {
        static const char failed[] =
            "the handler could not prepare this thread (thread_open failed)";
        task_resolve(task, DUEQ_RETRY, -1, failed, sizeof failed - 1);
        return true;
    }
    int32_t said = binding->handler->run(binding->instance, states[binding->index].local,
                                         &task->abi, &result);

    if (binding->isolated && said < 0) {
        if (said == ISOLATION_CRASHED && !task->shutdown)
            task_crash(task, message);
        else
            task_release(task);
        return true;
    }
    if (said == DUEQ_PENDING) /* the task may be gone, unless its handler has finished it already */
        return atomic_fetch_or(&task->phase, TASK_RETURNED) & TASK_FINISHED;
    if (task->phase & TASK_FINISHED) {
        log_error("a handler called finish() and then returned %d instead of DUEQ_PENDING; what "
                  "finish() said counts: handler=%s job=%llu",
                  said, binding->handler->name, (unsigned long long) task->job.id);
    } else {
        message[sizeof message - 1] = '\0';
        task_resolve(task, said, result.delay_us, message, strlen(message));
    }
    return true;
}

static void begin_task(struct task *task, int64_t now_us)
{
    int64_t deadline_us;
    if (__builtin_add_overflow(now_us, task->abi.timeout_us, &deadline_us))
        deadline_us = INT64_MAX;
    task->deadline_us = deadline_us;
    task->started_us = now_us;
}

/* A job waits, and may begin: it does not, where as many are in flight as may be. */
static bool may_take(const struct pool *pool)
{
    return pool->inbox.first && pool->in_flight < pool->config->pending;
}

static struct task *take_task(struct pool *pool)
{
    assert(mutex_held(&pool->lock));
    if (!may_take(pool))
        return NULL;
    struct list_node *node = list_take_first(&pool->inbox);
    pool->running++;
    pool->in_flight++;
    return list_entry(node, struct task, node);
}

/* NULL: the pool ends. */
static struct task *wait_for_task(struct pool *pool)
{
    mutex_lock(&pool->lock);
    while (!may_take(pool) && !pool->stopping) {
        pool->sleeping++;
        condition_wait(&pool->wake, &pool->lock);
        pool->sleeping--;
    }
    struct task *task = take_task(pool);
    mutex_unlock(&pool->lock);
    return task;
}

/* How many may wait in the inbox. */
static uint32_t prefetch(const struct pool *pool)
{
    if (pool->mean_us < 0)
        return pool->thread_count / 4 + 1;
    bool held = pool->config->claim != CONFIG_CLAIM_LEASE && pool->mean_us < pool->config->hold_us;
    int64_t ahead_us = held ? pool->config->hold_us : PREFETCH_US;
    int64_t all = ahead_us / (pool->mean_us + 1) * pool->thread_count;
    int64_t most = (int64_t) (held ? HELD_BATCHES : PREFETCH_BATCHES) * pool->config->batch;
    return (uint32_t) (all < most ? all : most);
}

/* What is left below a limit for all jobs in hand: the operator's, and, where handlers leave jobs
 * pending, the configuration's. Where they don't, that one is kept by may_take alone, and jobs may
 * wait. */
static uint32_t room_below_limits(const struct pool *pool, uint32_t ahead, uint32_t limit)
{
    uint32_t most = limit ? limit : UINT32_MAX;
    if (pool->in_flight > pool->running && pool->config->pending < most)
        most = pool->config->pending;
    uint32_t in_hand = ahead + pool->in_flight;
    return most > in_hand ? most - in_hand : 0;
}

/* A claim of a few rows costs the database nearly what one of a thousand does: while plenty waits,
 * there is no room before there is a good deal of it. */
static uint32_t room_for_threads(const struct pool *pool, uint32_t ahead)
{
    uint32_t busy = pool->running < pool->thread_count ? pool->running : pool->thread_count;
    uint32_t waiting = prefetch(pool);
    uint32_t startable = pool->thread_count - busy + waiting;
    uint32_t room = startable > ahead ? startable - ahead : 0;
    bool plenty = pool->inbox.count > waiting / ROOM_PART;
    return plenty && room < waiting / ROOM_PART ? 0 : room;
}

static uint32_t room(const struct pool *pool, uint32_t limit)
{
    uint32_t ahead = (uint32_t) pool->inbox.count + pool->reserved;
    uint32_t by_threads = room_for_threads(pool, ahead);
    uint32_t by_limit = room_below_limits(pool, ahead, limit);
    return by_threads < by_limit ? by_threads : by_limit;
}

/* True: there is room again that a claim found missing, and nobody has been told. */
static bool take_awaited_room(struct pool *pool)
{
    assert(mutex_held(&pool->lock));
    if (!pool->awaited || room(pool, pool->awaited_limit) == 0)
        return false;
    pool->awaited = false;
    return true;
}

static void count_run(struct pool *pool, int64_t took_us)
{
    assert(mutex_held(&pool->lock));
    if (pool->mean_us < 0)
        pool->mean_us = took_us;
    else
        pool->mean_us += (took_us - pool->mean_us) / MEAN_WEIGHT;
}

/* Runs one task and returns the next one, if one waits. The thread counts as free, and the next
 * task is taken, before the outcome is published: who sees the outcome finds the room that it left.
 */
static struct task *work_off(struct pool *pool, struct task *task, struct pool_thread *thread)
{
    struct source *source = task->source; /* a pending task may be gone when it has been run */
    int64_t begin_us = clock_now_us();
    bool finished = true;

    if (source_may_begin(task)) {
        begin_task(task, begin_us);
        ledger_begin(thread->ledger, task);
        finished = run_task(task, thread->states);
        ledger_end(thread->ledger);
    }
    int64_t took_us = clock_now_us() - begin_us;

    mutex_lock(&pool->lock);
    pool->running--;
    pool->in_flight -= finished ? 1 : 0;
    count_run(pool, took_us);
    struct task *next = take_task(pool);
    bool has_room = take_awaited_room(pool);
    mutex_unlock(&pool->lock);

    if (has_room)
        source_unblock(source);
    if (finished)
        source_publish(source, task);
    return next;
}

static void *pool_main(void *arg)
{
    struct pool *pool = arg;
    struct pool_thread thread = {
        .states = calloc(registry_count(pool->registry) + 1, sizeof *thread.states),
        .ledger = ledger_thread_new(pool->ledger),
    };
    struct task *task;

    if (!thread.states) {
        ledger_thread_free(thread.ledger);
        log_error("a pool thread ends: out of memory: queue=%s", pool->config->name);
        return NULL;
    }
    while ((task = wait_for_task(pool)))
        while (task)
            task = work_off(pool, task, &thread);
    close_thread(pool->registry, thread.states);
    ledger_thread_free(thread.ledger);
    free(thread.states);
    return NULL;
}

int pool_new(const struct config_queue *config, const struct registry *registry,
             struct ledger *ledger, struct pool **ret_pool)
{
    struct pool *pool = calloc(1, sizeof *pool);
    if (!pool)
        return -ENOMEM;
    mutex_init(&pool->lock);
    condition_init(&pool->wake);
    pool->config = config;
    pool->registry = registry;
    pool->ledger = ledger;
    pool->mean_us = -1;
    pool->threads = calloc(config->threads, sizeof *pool->threads);

    int error = pool->threads ? 0 : -ENOMEM;
    while (!error && pool->thread_count < config->threads) {
        char name[32];
        snprintf(name, sizeof name, "%.10s/%u", config->name, pool->thread_count);
        error = thread_start(&pool->threads[pool->thread_count], name, pool_main, pool);
        if (!error)
            pool->thread_count++;
    }
    if (error) {
        pool_free(pool);
        return error;
    }
    *ret_pool = pool;
    return 0;
}

uint32_t pool_reserve(struct pool *pool, uint32_t want, uint32_t limit)
{
    mutex_lock(&pool->lock);
    uint32_t granted = room(pool, limit);
    if (granted > want)
        granted = want;
    if (granted == 0 && want > 0) {
        pool->awaited = true;
        pool->awaited_limit = limit;
    }
    pool->reserved += granted;
    mutex_unlock(&pool->lock);
    return granted;
}

bool pool_unreserve(struct pool *pool, uint32_t count)
{
    mutex_lock(&pool->lock);
    assert(pool->reserved >= count);
    pool->reserved -= count;
    bool has_room = take_awaited_room(pool);
    mutex_unlock(&pool->lock);
    return has_room;
}

void pool_submit(struct pool *pool, struct list *tasks)
{
    if (!tasks->first)
        return;
    mutex_lock(&pool->lock);
    uint32_t count = (uint32_t) tasks->count;
    assert(pool->reserved >= count);
    pool->reserved -= count;
    list_append_all(&pool->inbox, tasks);
    uint32_t wake = count < pool->sleeping ? count : pool->sleeping;
    for (uint32_t i = 0; i < wake; i++)
        condition_signal(&pool->wake);
    mutex_unlock(&pool->lock);
}

void pool_withdraw(struct pool *pool, struct list *ret_tasks)
{
    mutex_lock(&pool->lock);
    list_append_all(ret_tasks, &pool->inbox);
    mutex_unlock(&pool->lock);
}

void pool_withdraw_batch(struct pool *pool, const struct batch *batch, struct list *ret_tasks)
{
    mutex_lock(&pool->lock);
    for (struct list_node *n = pool->inbox.first, *next; n; n = next) {
        next = n->next;
        if (list_entry(n, struct task, node)->batch != batch)
            continue;
        list_remove(&pool->inbox, n);
        list_append(ret_tasks, n);
    }
    mutex_unlock(&pool->lock);
}

bool pool_end_pending(struct pool *pool)
{
    mutex_lock(&pool->lock);
    assert(pool->in_flight > 0);
    pool->in_flight--;
    if (pool->inbox.first)
        condition_signal(&pool->wake);
    bool has_room = take_awaited_room(pool);
    mutex_unlock(&pool->lock);
    return has_room;
}

void pool_read_gauges(struct pool *pool, struct pool_gauges *ret_gauges)
{
    mutex_lock(&pool->lock);
    *ret_gauges = (struct pool_gauges){
        .threads = pool->thread_count,
        .waiting = (uint32_t) pool->inbox.count,
        .running = pool->running,
        /* For a moment the thread of a job that is finished already may count as running still. */
        .pending = pool->in_flight > pool->running ? pool->in_flight - pool->running : 0,
    };
    mutex_unlock(&pool->lock);
}

void pool_free(struct pool *pool)
{
    if (!pool)
        return;
    mutex_lock(&pool->lock);
    pool->stopping = true;
    condition_broadcast(&pool->wake);
    mutex_unlock(&pool->lock);
    for (uint32_t i = 0; i < pool->thread_count; i++)
        pthread_join(pool->threads[i], NULL);
    assert(!pool->inbox.first);
    condition_done(&pool->wake);
    mutex_done(&pool->lock);
    free(pool->threads);
    free(pool);
}
