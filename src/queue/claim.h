#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "arena.h"
#include "connection.h"
#include "dead_letter.h"
#include "job.h"

/* Taking due jobs. claim_begin reads and locks them in a transaction; the caller says of each what
 * is to become of it; claim_commit writes that and ends the transaction. Nothing is run before the
 * commit, so that an attempt is charged before its handler begins. */

enum claim_verdict {
    CLAIM_RUN,     /* lease it, charging an attempt */
    CLAIM_PUT_OFF, /* uncharged, due again after put_off_us */
    CLAIM_RELEASE, /* leave it as it is */
    CLAIM_KEEP,    /* its lease and attempt stay, due again after put_off_us: the same one for all
                      of a claim */
    CLAIM_DEAD,    /* to dueq_dead, with reason and message */
};

struct claimed {
    struct job job;
    enum claim_verdict verdict; /* CLAIM_RUN, unless claim_begin found a row that fits no rule */
    int64_t put_off_us;
    enum dead_reason reason;
    const char *message; /* valid UTF-8; borrowed until claim_commit */
};

struct claim_request {
    const char *queue;
    uint8_t priority;
    uint32_t limit;
    size_t max_bytes;   /* payloads that it may hold in memory, at least one job's */
    const char *worker; /* host:pid, for dueq_error */
};

struct claim {
    struct claimed *items; /* in order of next_run_at, in the arena */
    size_t count;
    bool full; /* as many rows as were asked for: there may be more */
};

/* DB_OK with count 0, and no transaction left open, when nothing is due or free. On any other
 * status the transaction is over too. The jobs live in `arena`. A row that can never be run (no
 * state, no date, a payload or headers too large to be read) comes with CLAIM_DEAD and its reason.
 */
enum db_status claim_begin(struct db *db, const struct claim_request *request, struct arena *arena,
                           struct claim *ret_claim, struct error *error)
    __attribute__((warn_unused_result));

/* Writes the verdicts and commits. For each CLAIM_RUN item job.lease and job.attempts are set to
 * what the row says then. An attempt whose lease ran out is recorded in dueq_error. A CLAIM_DEAD
 * item whose unique key is a producer's just then becomes CLAIM_RELEASE: it dies in a later claim.
 *
 * *ret_in_doubt: the connection was lost in the COMMIT; the items carry what the row says if it
 * happened. */
enum db_status claim_commit(struct db *db, const struct claim_request *request, struct claim *claim,
                            uint64_t token, int64_t lease_us, bool *ret_in_doubt,
                            struct error *error) __attribute__((warn_unused_result));

/* Gives the rows back as they were. */
enum db_status claim_cancel(struct db *db, struct error *error) __attribute__((warn_unused_result));

/* Appends the EXPLAIN of the very SELECT that claim_begin sends: for checking its plan. */
void claim_append_explain(struct db *db, struct buffer *sql, const struct claim_request *request);
