#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agenda.h"
#include "config.h"
#include "list.h"
#include "pool.h"
#include "registry.h"
#include "route.h"
#include "schema.h"
#include "thread.h"
#include "unbound.h"

struct job;
struct ledger;
struct round;
struct run_time;
struct task;

/* One database that this daemon serves: its lanes and its keeper, what they know together, and the
 * jobs in flight. Queues have their pools in the engine, shared by its sources. */

struct source_counters { /* since the start; any thread */
    _Atomic uint64_t claimed, held, done, retried, snoozed, dead, fenced, put_off, released;
};

/* Of payloads in memory: beyond it nothing more is claimed. */
enum { SOURCE_BYTES_MAX = 64 * 1024 * 1024 };

struct source {
    const struct config_source *config;
    struct route route; /* where its connections lead */
    const struct config *all;
    const struct registry *registry;
    struct pool **pools;   /* by index of all->queues */
    const char *worker;    /* host:pid */
    struct ledger *ledger; /* NULL: none */
    struct unbound *unbound;
    _Atomic size_t bytes; /* of payloads in memory */
    struct log_limit policy_log, dead_log, refused_log, late_log;
    struct source_counters counters;

    struct mutex lock;
    struct condition wake; /* for lanes: something to settle, to claim, or the end */
    struct condition keeper_wake;
    struct agenda agenda;       /* lock, as all below */
    struct list in_flight;      /* every task from its dispatch to its settle, by flight_node */
    struct list outbox;         /* finished, to be settled, by node */
    int64_t outbox_since_us;    /* when the oldest of them came */
    struct list deferred;       /* finished, not to be settled before settle_at_us */
    struct list holds;          /* held_ids of lanes */
    struct run_time *run_times; /* by index of the binding */
    size_t binding_count;
    size_t settling;         /* tasks that lanes have taken out of the outbox */
    bool ready;              /* connected, checked and registered */
    bool may_hold;           /* row locks reach all who write here */
    _Atomic bool slowed;     /* claims are, to spare the server; changed under the lock */
    unsigned keeper_opened;  /* how often the keeper has connected so far */
    bool doorbell_works;     /* every job that is committed rings */
    bool control_rung;       /* dueq_queue was changed; the keeper's to clear */
    bool schema_ok;          /* false: another schema than ours was seen */
    bool draining;           /* claim nothing any more */
    bool stopping;           /* settle what is finished, and end */
    size_t claiming;         /* lanes in the middle of a claim */
    bool lanes_ended;        /* the keeper may end */
    _Atomic size_t unlocked; /* tasks in flight that are; changed under the lock */
    uint64_t worker_id;
    uint32_t ledger_worker; /* what the ledger calls it */
    bool has_company;       /* other daemons work on this database, or did a while ago */
    uint64_t next_token;
    struct schema schema;

    struct lane *lanes; /* config->lanes of them, once started */
    uint32_t lane_count;
    struct keeper *keeper;
    struct doorbell *doorbell; /* NULL: not configured */
};

/* Borrows everything; ledger may be NULL. 0 or -ENOMEM. */
int source_new(const struct config *all, const struct config_source *config,
               const struct registry *registry, struct pool **pools, const char *worker,
               struct ledger *ledger, struct source **ret_source)
    __attribute__((warn_unused_result));
int source_start(struct source *source) __attribute__((warn_unused_result));

/* Stops claiming, and has what is finished settled. Does not wait. */
void source_drain(struct source *source);
/* No claim is under way, nothing is in flight and everything is settled. */
bool source_drained(struct source *source);
/* Asks every running job to stop, since the daemon ends: cancelled() is true for it. */
void source_cancel_all(struct source *source);
size_t source_in_flight(struct source *source);
bool source_is_ready(struct source *source);

/* Settles what is finished, and joins lanes and keeper. Tasks that still run are left alone: their
 * leases run out. */
void source_stop(struct source *source);
void source_free(struct source *source); /* takes NULL */

/* The oldest sign of life of a lane or the keeper, by clock_now_us: the watchdog's. */
int64_t source_beat_us(struct source *source);
/* Look at every queue at once. */
void source_kick(struct source *source);

/* What pools and handlers call. Any thread. */

/* Hands a task whose outcome is set to the outbox. */
void source_publish(struct source *source, struct task *task);
/* False when the task must not begin, since its lease may have run out while it waited: its outcome
 * is then that it is given back. */
bool source_may_begin(struct task *task);

/* What lanes call. */

enum work { WORK_SETTLE, WORK_PROBE, WORK_CLAIM, WORK_NONE, WORK_END };
enum {
    SETTLE_MAX = 1000
}; /* outcomes a transaction: beyond it the statements get slower a row, not faster */

struct assignment {
    struct list tasks; /* WORK_SETTLE: up to SETTLE_MAX, now the lane's */
    struct agenda_entry
        *entries[PROBE_QUEUES_MAX]; /* WORK_PROBE: the queues; WORK_CLAIM: the one */
    size_t entry_count;
};

/* Waits for the next thing to do, but no longer than until_us: WORK_NONE. After WORK_CLAIM
 * source_end_claim follows. *beat_us is kept current while it waits. */
enum work source_next_work(struct source *source, struct assignment *ret_assignment,
                           int64_t until_us, _Atomic int64_t *beat_us);

void source_end_claim(struct source *source);

/* Tasks enter the books, before they are passed on: leased ones, and those that have lost the lock
 * that they ran under. `tasks` links them by node. False: the drain has begun meanwhile, and what
 * is not begun yet is to be given back. */
bool source_add(struct source *source, const struct list *tasks);
/* Tasks that are settled for good, linked by node, leave the books and are freed; there is room in
 * the pools again. */
void source_forget(struct source *source, struct list *tasks);
/* A task could not be settled yet. */
void source_defer(struct source *source, struct task *task, int64_t delay_us);
/* Pools have room again: queues that found none may be looked at. */
void source_unblock(struct source *source);
uint64_t source_token(struct source *source);

enum source_find {
    SOURCE_HAS_NOT,
    SOURCE_RUNS,              /* under a lease of its own */
    SOURCE_RUNS_WITHOUT_LOCK, /* the very attempt that this row is claimed for again: source_adopt
                               */
    SOURCE_SETTLES,           /* the same, and it is about to be settled */
};
/* Is the job of this row in flight here? */
enum source_find source_find(struct source *source, const struct job *row);
/* Its lease is committed for the attempt that runs without a lock: it goes on under that. */
void source_adopt(struct source *source, const struct job *row, int64_t lease_until_us,
                  bool in_doubt);

/* The 95th percentile of what the handler has lately taken; 0: not known yet. */
int64_t source_run_time_us(struct source *source, const struct binding *binding);
/* Counts the tasks that have run: those of a round whose hold has ended, or settled ones. */
void source_count_round(struct source *source, const struct round *round);
void source_count_tasks(struct source *source, struct task *const *tasks, size_t count);
