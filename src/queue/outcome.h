#pragma once

#include <stddef.h>
#include <stdint.h>

#include "dead_letter.h"

/* What came of an attempt, and the fence under which it may be written. */

enum outcome_kind {
    OUTCOME_DONE,    /* the row goes */
    OUTCOME_RETRY,   /* failed: due again after delay_us */
    OUTCOME_SNOOZE,  /* due again after delay_us, uncharged */
    OUTCOME_DEAD,    /* failed: to dueq_dead */
    OUTCOME_RELEASE, /* was never begun: due now, uncharged */
    OUTCOME_SUSPECT, /* its daemon crashed, and another job is to blame for that as far as is known:
                        due now, uncharged, but not to be begun again under a row lock alone */
    OUTCOME_EXPIRE,  /* its daemon is gone: the lease ends now and not later, the attempt counts */
};

enum settle_result {
    SETTLE_OPEN,   /* not settled yet */
    SETTLE_DONE,   /* written */
    SETTLE_FENCED, /* refused: the job was taken over, replaced or removed meanwhile */
    SETTLE_LATER,  /* still ours, but locked by another transaction just now: try again in a moment
                    */
    SETTLE_DOUBTFUL, /* the connection was lost in the COMMIT: it may have been written */
};

struct outcome {
    uint64_t id;
    uint64_t lease;    /* the token it is leased under; 0: it was run under the row lock of a
                          transaction, so that the row does not say anything of this attempt yet */
    uint32_t attempt;  /* its number; charged already if it is leased, else when it is written */
    int64_t due_at_us; /* with lease 0: what next_run_at was, and must be still */
    enum outcome_kind kind;
    enum dead_reason reason; /* OUTCOME_DEAD */
    int64_t delay_us;        /* OUTCOME_RETRY, OUTCOME_SNOOZE */
    const char *unique_key;  /* NULL: none; borrowed */
    size_t unique_key_len;
    const char *message; /* RETRY, DEAD: valid UTF-8; borrowed */
    size_t message_len;
    enum settle_result result;
};

static inline int outcome_removes_row(const struct outcome *outcome)
{
    return outcome->kind == OUTCOME_DONE || outcome->kind == OUTCOME_DEAD;
}
