#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "thread.h"

struct batch;
struct task;

/* Jobs that run under the row locks of the transaction that claimed them. Their lane waits for them
 * for a short while, and then writes what came of them in that same transaction. The one that still
 * runs by then becomes a leased one: at that moment either its lane or whoever finishes it has it,
 * and a single atomic of the task says which. */
enum hold_state {
    HOLD_NONE,          /* its outcome goes to the outbox, as that of any leased job */
    HOLD_OPEN,          /* waits in the inbox, or runs */
    HOLD_FINISHED,      /* has its outcome, and is the lane's */
    HOLD_LEASING,       /* runs; the lane is about to commit a lease for it */
    HOLD_FINISHED_LATE, /* finished during that: the lane passes it on */
};

/* Where a lane waits; its own, and it lives as long as the lane, which is longer than any batch. */
struct hold_gate {
    struct mutex lock;
    struct condition finished;
};

void hold_gate_init(struct hold_gate *gate);
void hold_gate_done(struct hold_gate *gate);

/* Before the task is passed on. It takes a reference to its batch, which is given up by whoever
 * finishes it in time. */
void hold_open(struct hold_gate *gate, struct task *task);

/* Until only the lane's own reference to the batch is left, or until_us. */
void hold_wait(struct hold_gate *gate, struct batch *batch, int64_t until_us);

/* By who finishes the task, its outcome being set. True: the lane has it, or will pass it on; the
 * task must not be touched any more. False: it is an ordinary one, to be published. */
bool hold_finish(struct task *task);

/* By the lane, of a task that is not in the inbox any more. True: it has its outcome. False: it
 * runs, and is HOLD_LEASING until hold_end. */
bool hold_close(struct task *task);

/* By the lane: the task is as it will stay (leased, or without its lock). True: it was finished
 * meanwhile, and the caller publishes it. False: it still runs, and may be gone already. */
bool hold_end(struct task *task);
