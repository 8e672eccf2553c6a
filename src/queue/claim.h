#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "arena.h"
#include "connection.h"
#include "job.h"
#include "outcome.h"

/* Taking due jobs. claim_begin reads and locks them in a transaction; the caller says of each what
 * is to become of it; claim_commit (claim_commit.h) writes that and ends the transaction. A job may
 * be run in between, under the lock of its row, or after it, under a lease. */

enum claim_verdict {
    CLAIM_RUN,     /* lease it, charging an attempt: it runs on, or is run once that is committed */
    CLAIM_SETTLE,  /* it has run: write its outcome */
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
    const char *message;    /* valid UTF-8; borrowed until claim_commit */
    struct outcome outcome; /* CLAIM_SETTLE */
};

struct claim_request {
    const char *queue;
    uint8_t priority;
    int64_t from_us; /* nothing before this instant is looked at, by the database's clock; 0: all
                        is */
    int64_t at_us; /* only what is due at this very instant is; 0: no such limit. Such a claim locks
                      what it takes and nothing else, where one over a range locks the entry behind
                      it too, of the very job that is due next. */
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

/* Gives the rows back as they were. */
enum db_status claim_cancel(struct db *db, struct error *error) __attribute__((warn_unused_result));

/* Appends the EXPLAIN of the very SELECT that claim_begin sends: for checking its plan. */
void claim_append_explain(struct db *db, struct buffer *sql, const struct claim_request *request);
