#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "agenda.h"
#include "claim.h"
#include "held_ids.h"
#include "hold.h"
#include "log.h"
#include "pool.h"
#include "schema.h"

struct batch;
struct source;
struct task;

/* One claim of a lane, from the room that was reserved for it to what its transaction wrote. */
struct round {
    struct source *source;
    struct agenda_entry *entry; /* source->lock, but for entry->queue */
    const struct config_queue *queue;
    struct pool *pool;
    uint32_t granted; /* reserved in the pool and allowed by the rate, not yet submitted */
    int priority;
    int64_t from_us;    /* the watermark */
    int64_t at_us;      /* entry->only_us */
    unsigned set_backs; /* of the entry, when the claim began */
    bool reads;         /* the entry has it that this round reads */
    bool may_hold;
    char source_id[SCHEMA_SOURCE_ID_SIZE];
    struct batch *batch;
    struct claim claim;
    struct task **tasks; /* one for each item of the claim; NULL: it is not run by this round */
    size_t held;         /* tasks that are to be run under the row locks */
    struct held_ids held_ids;
    int64_t begun_us;
    bool refused; /* by the database; the next claims find out for which row */
};

/* What a lane keeps from one round to the next. */
struct round_tools {
    struct hold_gate gate;
    struct log_limit lost_log;
};

/* Runs the held tasks, for as long as the transaction may stay open, and sets the verdict of each:
 * settled, leased since it still runs, or released since it never began. */
void round_hold(struct round *round, struct round_tools *tools);

/* The COMMIT that follows leases tasks under the token: into the ledger before, in case it is the
 * last thing that this process does. */
void round_expect_leases(struct round *round, uint64_t token);

/* What the claim says is committed, or, in doubt, may be: leased tasks begin or run on, settled
 * ones are counted and gone. */
void round_committed(struct round *round, bool in_doubt);

/* It is not: the row locks are lost, and all it was to write. What has run, or still runs, is kept,
 * and is settled once its row is found as it was. */
void round_lost(struct round *round, struct round_tools *tools);

/* Gives back so much of what was granted. */
void round_return(struct round *round, uint32_t count);

/* Gives back what was granted and not used. */
void round_end(struct round *round);
