#pragma once

#include <stddef.h>
#include <stdint.h>

#include "row_text.h"

/* Looking at jobs, for people: nothing is locked. */

enum job_phase {
    JOB_PHASE_DUE,
    JOB_PHASE_DELAYED, /* also one that waits for its retry */
    JOB_PHASE_RUNNING, /* under a lease that has not run out */
};

const char *job_phase_name(enum job_phase phase);

/* A row of dueq_job. Times are the database's clock, in microseconds since 1970; 0: no date. */
struct job_view {
    uint64_t id;
    struct row_text queue;
    struct row_text kind;
    enum job_phase phase;
    struct row_text state; /* "ready", "prepared", or something else that fits no rule */
    uint8_t priority;
    uint32_t attempts;
    uint32_t max_attempts;        /* 0: the retry policy's */
    struct row_text retry;        /* NULL: the kind's */
    uint64_t lease;               /* 0: none */
    uint64_t worker_id;           /* who holds, or held, the lease; 0: nobody */
    struct row_text unique_key;   /* NULL: none */
    struct row_text ordering_key; /* NULL: none */
    struct row_text headers;      /* NULL: none */
    struct row_text payload;      /* its beginning; with job_show only */
    uint64_t payload_len;         /* in bytes, of the whole */
    int64_t next_run_at_us;
    int64_t created_at_us;
    int64_t now_us;
};

struct job_filter {
    const char *queue;           /* NULL: all */
    const char *kind;            /* exact, or a prefix that ends in ".*"; NULL or "*": all */
    const enum job_phase *phase; /* NULL: all */
    uint64_t limit;
};

/* In the order in which they are claimed: by queue (that of their names), priority, due time. Reads
 * along the index `due`, so that a listing by queue and phase costs what it shows, and one by kind
 * what it passes over. */
enum db_status job_list(struct db *db, const struct job_filter *filter, struct arena *arena,
                        struct job_view **ret_jobs, size_t *ret_count, struct error *error)
    __attribute__((warn_unused_result));

/* One job with the first `payload_chars` characters of its payload (UINT32_MAX: all). DB_NO_ROW:
 * there is no such job. */
enum db_status job_show(struct db *db, uint64_t id, uint32_t payload_chars, struct arena *arena,
                        struct job_view *ret_job, struct error *error)
    __attribute__((warn_unused_result));

/* A row of dueq_error. */
struct job_failure {
    uint32_t attempt;
    int64_t at_us;
    struct row_text worker;
    struct row_text message;
};

/* The latest `limit` failed attempts of a job, oldest first. */
enum db_status job_failures(struct db *db, uint64_t id, uint32_t limit, struct arena *arena,
                            struct job_failure **ret_failures, size_t *ret_count,
                            struct error *error) __attribute__((warn_unused_result));
