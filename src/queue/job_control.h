#pragma once

#include <stdint.h>

#include "connection.h"

/* What an operator does to one job. Each is a transaction of its own that waits a second or two for
 * a row that another one has locked, and is DB_RETRY when that was in vain. */

enum job_control_result {
    JOB_CONTROL_DONE,
    JOB_CONTROL_MISSING,     /* there is no such job: done, dead, or never there */
    JOB_CONTROL_RUNNING,     /* retry only: a daemon has it under lease */
    JOB_CONTROL_ALREADY_DUE, /* retry only: nothing to do */
};

struct job_control_outcome {
    enum job_control_result result;
    uint64_t worker_id; /* who runs it, where somebody does; 0: nobody */
    int64_t lease_us;   /* how long the lease still lasts, where there is one */
};

/* Makes a waiting job due now. */
enum db_status job_retry_now(struct db *db, uint64_t id, struct job_control_outcome *ret_outcome,
                             struct error *error) __attribute__((warn_unused_result));

/* Moves the job to dueq_dead as cancelled, with `message` (valid UTF-8), whether it waits or runs.
 * Where it runs, what comes of the attempt is refused, and its handler is asked to stop within
 * about a second, when the daemon that runs it sees that the row is gone. */
enum db_status job_cancel(struct db *db, uint64_t id, const char *message,
                          struct job_control_outcome *ret_outcome, struct error *error)
    __attribute__((warn_unused_result));
