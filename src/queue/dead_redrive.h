#pragma once

#include <stddef.h>
#include <stdint.h>

#include "dead_browse.h"

/* Giving dead letters back to dueq_job, and throwing them away: both in batches, each a transaction
 * of its own, so that neither locks much for long. What dies while it goes on is not touched. */

enum { DEAD_LEFT_MAX = 20 };

struct dead_redrive_options {
    uint64_t limit;  /* at most so many; UINT64_MAX: all */
    int64_t over_us; /* spread evenly over so long from now; 0: all are due at once */
};

struct dead_redriven {
    uint64_t done;
    uint64_t left; /* not given back: still dead */
    struct dead_left {
        uint64_t dead_id;
        uint64_t id;
        char why[128];
    } examples[DEAD_LEFT_MAX]; /* the first ones that were left */
};

/* The jobs come back under their old ids (and so with the same message id), with no attempts behind
 * them. One whose id or unique_key a living job has is left. On a failure *ret_redriven says what
 * was done before it. */
enum db_status dead_redrive(struct db *db, const struct dead_filter *filter,
                            const struct dead_redrive_options *options,
                            struct dead_redriven *ret_redriven, struct error *error)
    __attribute__((warn_unused_result));

/* Deletes them for good. On a failure *ret_count says how many went before it. */
enum db_status dead_purge(struct db *db, const struct dead_filter *filter, uint64_t limit,
                          uint64_t *ret_count, struct error *error)
    __attribute__((warn_unused_result));
