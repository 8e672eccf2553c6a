#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "dueq_handler.h"
#include "job.h"
#include "list.h"
#include "registry.h"
#include "retry_policy.h"
#include "settle.h"

/* A job in this process, from its claim to its settle. It is leased (job.lease is the token), or it
 * is run under the row lock of the transaction that claimed it (job.lease is 0; see hold.h). Its
 * memory is its batch's.
 *
 * It has one owner at a time: the lane that claimed it, the inbox of a pool, the pool thread or the
 * handler that runs it, the outbox of its source, the lane that settles it. The owner alone writes
 * the plain fields; what others look at meanwhile is atomic, or is the source's and names its
 * mutex. */
struct task {
    struct dueq_job abi; /* what the handler sees; first, so that a callback finds the task */
    struct job job;      /* once it is in flight, job.lease is source->lock's */
    struct batch *batch;
    struct source *source;
    struct pool *pool;
    const struct binding *binding;
    const struct retry_policy *retry;
    const struct config_queue *queue;

    struct list_node node; /* in an inbox or an outbox: their mutex */

    struct list_node flight_node; /* source->lock, as the next four */
    bool settling;                /* a lane has it: the row may be gone for that reason */
    bool unlocked; /* neither lock nor lease, as far as is known: others may claim it */
    bool overdue_logged;
    int64_t settle_at_us; /* not before; after a SETTLE_LATER */

    _Atomic int64_t lease_until_us; /* by clock_now_us, and never later than what the row says */
    _Atomic int64_t started_us;     /* 0: waits in the inbox */
    int64_t took_us;                /* how long the handler had it; 0: it never began */
    _Atomic int64_t deadline_us;    /* when its timeout passes; 0: not started */
    _Atomic bool cancelled;         /* asked to stop */
    _Atomic bool shutdown;  /* asked to because this daemon ends: it shall not cost an attempt */
    _Atomic unsigned phase; /* enum task_phase */
    struct ledger_lease *_Atomic noted; /* in the ledger; NULL: it is not */
    unsigned settle_tries;
    bool in_doubt; /* the connection was lost in the COMMIT that leased or settled it */
    /* in_doubt: if the row does not have this token, it may be free, as it was when it was claimed;
     * 0: it cannot. */
    uint64_t doubtful_lease;
    unsigned doubt_looks;

    struct hold_gate *gate;      /* whom to tell; NULL: it was never held */
    _Atomic unsigned hold_state; /* enum hold_state */

    struct outcome outcome; /* valid once the task is in the outbox */
    char *message;          /* outcome.message, owned; NULL: none */
    bool crashed;           /* the process that ran it died of it */
};

/* A handler may finish a pending job before its run() has returned. The task is published by
 * whoever comes second. */
enum task_phase { TASK_RETURNED = 1, TASK_FINISHED = 2 };

enum { TASK_MESSAGE_SIZE = 8192 }; /* what is kept of a message; dueq_error.message holds 64 KiB */

/* Sets the outcome from what the handler said. message: any bytes, borrowed; message_len of them.
 * Out of memory loses the message, never the outcome. */
void task_resolve(struct task *task, int32_t said, int64_t delay_us, const char *message,
                  size_t message_len);

/* The same where the process that ran it died of it. message: says how. */
void task_crash(struct task *task, const char *message);

/* It was never begun, or cannot be: given back, uncharged. */
void task_release(struct task *task);

/* Its outcome names the row as it is expected to be: when job.lease has got its value. */
void task_identify(struct task *task);

static inline struct task *task_of(const struct dueq_job *job)
{
    return (struct task *) (uintptr_t) job;
}
