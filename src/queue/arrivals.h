#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "binlog_event.h"
#include "connection.h"

/* What the server's binlog says of jobs that have come, or have been made due at another time, in
 * one database: an event goes in, and at the end of a transaction comes out which queues to look at
 * and when. Pure but for arrivals_open. One thread's.
 *
 * It would rather ring too often than too seldom: whatever cannot be read closely (a compressed
 * transaction, a statement in a server's log of statements, a table that is not as we know it) says
 * that anything may have come.
 *
 * A row under a lease does not count, nor does one that is deleted: so what daemons themselves
 * write while they run jobs rings nothing, but what they put off for a retry does. */

enum { ARRIVALS_QUEUES_MAX = 32 }; /* of one transaction; more of them are anything */

struct arrival {
    char queue[65];
    uint64_t jobs;
    int64_t first_us; /* when the first of them is due, in microseconds since 1970 */
};

struct arrivals {
    /* The transaction that has ended, valid when arrivals_read has returned true. */
    struct arrival queues[ARRIVALS_QUEUES_MAX];
    size_t queue_count;
    bool anything;       /* any queue may have jobs that are due now */
    bool control;        /* dueq_queue was changed */
    int64_t committed_s; /* by the server's clock, when it was committed or before; 0: not known */

    /* As it was opened for. */
    char database[65];
    unsigned column_count; /* of dueq_job; 0: not known, then nothing is read closely */
    unsigned queue_column, next_run_at_column, lease_column;

    /* Between two events. */
    struct binlog_format format;
    struct binlog_table job; /* what rows of dueq_job look like now; its names are not valid */
    bool job_mapped, job_readable;
    uint64_t control_id; /* of dueq_queue */
    bool control_mapped;
    bool ended; /* the fields above are of a transaction that is over */
};

/* Asks the server for the database's name and where the columns stand. */
enum db_status arrivals_open(struct arrivals *arrivals, struct db *db, struct error *error)
    __attribute__((warn_unused_result));

/* Begins a new stream of events, whatever the last one was in the middle of. */
void arrivals_begin(struct arrivals *arrivals);

/* True: a transaction that matters has been committed. */
bool arrivals_read(struct arrivals *arrivals, const unsigned char *event, size_t len);
