#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "connection.h"
#include "outcome.h"

/* Writing what came of attempts back to the database whose rows are not locked any more: one
 * transaction for the batch, on a connection that holds nothing, fenced by the token and attempt of
 * each leased job, and of one whose row lock was lost by what its row said then. It locks the rows,
 * and the entries of their unique keys, before it changes anything, and waits for none of them: so
 * no producer is the victim of a deadlock with it, and no transaction of others holds a batch up.
 */

/* Settles the outcomes and sets the result of each. DB_OK: each has one, and is not SETTLE_OPEN.
 * Otherwise the ones that are still SETTLE_OPEN were not written. Those that are SETTLE_DOUBTFUL
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
