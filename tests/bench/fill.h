#pragma once

#include <mysql.h>
#include <stdbool.h>
#include <stdint.h>

#include "arguments.h"

/* What a fill puts into dueq_job, in multi-row INSERTs of 1,000 rows, a transaction each. */
struct fill {
    long jobs;
    long bytes;       /* of each payload */
    const char *kind; /* NULL: "noop" */
    /* next_run_at of the rows in the order of their ids: due_us + i × step_us, where random_us is
     * 0, and otherwise at random from due_us on, within random_us. Microseconds since 1970. */
    int64_t due_us;
    int64_t step_us;
    int64_t random_us;
    const char *headers; /* NULL: none */
    bool unlogged;       /* past the binlog, which makes a large backlog in less time */
};

/* The id of the first one. */
uint64_t fill_jobs(MYSQL *mysql, const struct fill *fill);

/* Empties dueq_job and waits until the server has purged what lies behind, so that one round does
 * not pay for the one before it. */
void fill_empty(MYSQL *mysql);
/* Waits until the history list is short or no longer becomes shorter: somebody may hold it back. */
void fill_wait_for_purge(MYSQL *mysql);

/* `bench fill --jobs N --bytes N --kind KIND --in-ms N --step-us N --random-ms N --unlogged`:
 * inserts jobs of which the first is due in-ms from the start. Prints first_id, due_us, the seconds
 * it took, and in `spare_ms` how long before due_us it was done. */
int fill_command(struct arguments *arguments);
/* `bench empty`: fill_empty, and what the binlog holds is thrown away. */
int fill_empty_command(struct arguments *arguments);
/* `bench purged`: fill_wait_for_purge. */
int fill_purged_command(struct arguments *arguments);
