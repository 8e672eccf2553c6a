#pragma once

#include <stdint.h>

#include "config.h"
#include "list.h"
#include "registry.h"

/* The threads that run the jobs of one queue, whichever source they come from, and the inbox before
 * them. A pool thread never touches a database. */
struct pool;
struct batch;
struct ledger;

struct pool_gauges {
    uint32_t threads;
    uint32_t waiting; /* in the inbox */
    uint32_t running; /* in a handler's run() */
    uint32_t pending; /* run() returned DUEQ_PENDING */
};

/* All but the pool is borrowed; ledger may be NULL. Starts the threads. */
int pool_new(const struct config_queue *config, const struct registry *registry,
             struct ledger *ledger, struct pool **ret_pool) __attribute__((warn_unused_result));

/* Room for up to `want` jobs, to be claimed now: what the threads will begin within a moment,
 * judged by the mean run time lately; a claimed job that waits is a job that no other daemon can
 * run. limit: on jobs in flight, 0 for the configuration's alone. The caller submits or unreserves
 * every one. */
uint32_t pool_reserve(struct pool *pool, uint32_t want, uint32_t limit);
/* True: that makes the room which another claim found missing. */
bool pool_unreserve(struct pool *pool, uint32_t count);

/* Takes the tasks, for which room was reserved, and empties the list. */
void pool_submit(struct pool *pool, struct list *tasks);

/* Gives back every task that has not begun. */
void pool_withdraw(struct pool *pool, struct list *ret_tasks);
/* The same, of one batch. */
void pool_withdraw_batch(struct pool *pool, const struct batch *batch, struct list *ret_tasks);

/* A job that was pending is finished. True: that makes the room which a claim found missing. Any
 * thread. */
bool pool_end_pending(struct pool *pool);

void pool_read_gauges(struct pool *pool, struct pool_gauges *ret_gauges);

/* Ends the threads when they have finished what they run; the inbox must be empty. Takes NULL. */
void pool_free(struct pool *pool);
