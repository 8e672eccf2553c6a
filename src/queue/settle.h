#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "connection.h"
#include "dead_letter.h"

/* Writing what came of leased attempts back to the database: one transaction for the batch, fenced
 * by the token and attempt of each job, on a connection that holds nothing. It locks the rows, and
 * the entries of their unique keys, before it changes anything, and waits for none of them: so no
 * producer is the victim of a deadlock with it, and no transaction of others holds a batch up. */

enum outcome_kind {
    OUTCOME_DONE,    /* the row goes */
    OUTCOME_RETRY,   /* failed: due again after delay_us */
    OUTCOME_SNOOZE,  /* due again after delay_us, uncharged */
    OUTCOME_DEAD,    /* failed: to dueq_dead */
    OUTCOME_RELEASE, /* was never begun: due now, uncharged */
};

enum settle_result {
    SETTLE_OPEN,   /* not settled yet */
    SETTLE_DONE,   /* written */
    SETTLE_FENCED, /* refused: the job was taken over, replaced or removed meanwhile */
    SETTLE_LATER,  /* still ours, but locked by another transaction just now: try again in a moment
                    */
};

struct outcome {
    uint64_t id;
    uint64_t lease;
    uint32_t attempt;
    enum outcome_kind kind;
    enum dead_reason reason; /* OUTCOME_DEAD */
    int64_t delay_us;        /* OUTCOME_RETRY, OUTCOME_SNOOZE */
    const char *unique_key;  /* NULL: none; borrowed */
    size_t unique_key_len;
    const char *message; /* RETRY, DEAD: valid UTF-8; borrowed */
    size_t message_len;
    enum settle_result result;
};

/* Settles the outcomes and sets the result of each. DB_OK: each has one, and is not SETTLE_OPEN.
 * Otherwise the ones that are still SETTLE_OPEN were not written; after DB_LOST in a COMMIT they
 * may have been, and settling them again is harmless: they are then FENCED.
 *
 * Retries deadlocks by itself. An outcome that the database refuses for its own sake does not hold
 * up the others: it is bisected out, settled with a plainer message where that helps, and else left
 * SETTLE_LATER; either way with words in `error` although the status is DB_OK. After some of them
 * the rest is left SETTLE_OPEN, with the status of the failure: where the database refuses them
 * all, finding out for each would be a storm of statements.
 *
 * worker: host:pid, for dueq_error. */
enum db_status settle_outcomes(struct db *db, const char *worker, struct outcome *outcomes,
                               size_t count, struct error *error)
    __attribute__((warn_unused_result));
