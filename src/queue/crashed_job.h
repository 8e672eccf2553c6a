#pragma once

#include <stdint.h>

#include "connection.h"

/* What decides what becomes of a job that crashed a daemon: read when the daemon is back. Crashes
 * are counted in the database, by their rows in dueq_error, since another daemon may have had the
 * job in between. */
struct crashed_job {
    char kind[65];
    char queue[65];
    char retry[65];        /* "": none of its own */
    uint32_t max_attempts; /* 0: the policy's */
    int64_t age_us;        /* since it was created */
    uint32_t crashes;      /* of earlier attempts, since it was last given back from dueq_dead */
};

/* What a message in dueq_error begins with where an attempt crashed its daemon. */
#define CRASHED_PREFIX "crashed: "

/* attempt: the one that crashed. DB_NO_ROW: the job is gone. */
enum db_status crashed_job_read(struct db *db, uint64_t id, uint32_t attempt,
                                struct crashed_job *ret_job, struct error *error)
    __attribute__((warn_unused_result));
