#pragma once

#include <stddef.h>
#include <stdint.h>

#include "connection.h"
#include "dead_letter.h"
#include "job_error.h"
#include "job_rows.h"
#include "outcome.h"

/* All that one transaction writes, gathered by kind of statement: so that a batch is a few
 * statements, whatever came of its jobs. The rows are locked by then. */
struct changes {
    uint64_t *done; /* rows that go */
    size_t done_count;
    uint64_t *leased; /* an attempt begins under a lease */
    size_t leased_count;
    uint64_t *extended; /* due later, all else stays */
    size_t extended_count;
    struct postponed *postponed;
    size_t postponed_count;
    struct dead_letter *letters;
    size_t letter_count;
    struct job_error *errors;
    size_t error_count;
};

/* With room for `jobs` of each kind. 0 or -ENOMEM. */
int changes_init(struct changes *changes, size_t jobs) __attribute__((warn_unused_result));
void changes_done(struct changes *changes);
void changes_clear(struct changes *changes);

/* The message is borrowed until the changes are written. */
void changes_add_outcome(struct changes *changes, const struct outcome *outcome);

/* token: of `leased`, due again after lease_us; extended_us: of `extended`; worker: host:pid, for
 * dueq_error. */
struct changes_terms {
    const char *worker;
    uint64_t token;
    int64_t lease_us;
    int64_t extended_us;
};
enum db_status changes_write(struct db *db, const struct changes *changes,
                             const struct changes_terms *terms, struct error *error)
    __attribute__((warn_unused_result));
