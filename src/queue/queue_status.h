#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "row_text.h"

/* How full a queue is. Counting is bounded, so that looking at a table of ten million rows costs a
 * moment: entries of the index up to QUEUE_COUNT_CAP, rows up to QUEUE_ROW_CAP. */
enum {
    QUEUE_COUNT_CAP = 100000,
    QUEUE_ROW_CAP = 10000,
};

struct queue_count {
    uint64_t count;
    bool more; /* that is where the counting stopped */
};

struct queue_status {
    struct queue_count due;
    struct queue_count delayed; /* without those that run */
    struct queue_count running;
    int64_t oldest_due_us; /* for how long the oldest of the due has been; -1: none is */
    int64_t next_due_us;   /* until the next delayed job is due; -1: none, or not found */
    uint32_t locked; /* of the oldest due jobs, how many another transaction holds locked: due,
                        but nobody can claim them */
};

/* exact: counts all, whatever it costs. */
enum db_status queue_status_read(struct db *db, const char *queue, bool exact,
                                 struct queue_status *ret_status, struct error *error)
    __attribute__((warn_unused_result));

/* Dead letters by queue: of the latest QUEUE_ROW_CAP ones, unless `exact`. */
struct queue_dead {
    struct row_text queue;
    struct queue_count dead;
};

enum db_status queue_dead_read(struct db *db, bool exact, struct arena *arena,
                               struct queue_dead **ret_dead, size_t *ret_count, struct error *error)
    __attribute__((warn_unused_result));
