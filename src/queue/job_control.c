#include "job_control.h"

#include <string.h>
#include <time.h>

#include "clock.h"
#include "dead_letter.h"
#include "lease_token.h"
#include "transaction.h"

enum {
    RETRIES = 3,
    RETRY_WAIT_US = 20000, /* doubled each time; a lock-wait timeout has waited a second itself */
};

/* The row, locked. */
struct locked_job {
    bool found;
    bool due;
    uint64_t lease;
    int64_t wait_us; /* until next_run_at */
};

static enum db_status lock_job(struct db *db, uint64_t id, struct locked_job *ret_job,
                               struct error *error)
{
    struct buffer sql = { 0 };
    struct db_result *result;
    struct locked_job job = { .found = false };

    buffer_append_format(&sql,
                         "SELECT lease, next_run_at <= NOW(6),"
                         " TIMESTAMPDIFF(MICROSECOND, NOW(6), next_run_at)"
                         " FROM dueq_job WHERE id = %llu FOR UPDATE",
                         (unsigned long long) id);
    enum db_status status = db_query_buffer(db, &sql, &result, error);
    buffer_done(&sql);
    if (status != DB_OK)
        return status;
    if (db_result_next(result)) {
        job.found = true;
        job.lease = db_u64(result, 0);
        job.due = db_u64(result, 1) != 0;
        job.wait_us = db_i64(result, 2);
    }
    db_result_free(result);
    *ret_job = job;
    return DB_OK;
}

static struct job_control_outcome outcome_of(const struct locked_job *job)
{
    struct job_control_outcome outcome = { .result = JOB_CONTROL_DONE };
    if (!job->found)
        outcome.result = JOB_CONTROL_MISSING;
    else if (job->lease && !job->due) {
        outcome.worker_id = lease_token_worker(job->lease);
        outcome.lease_us = job->wait_us;
    }
    return outcome;
}

static enum db_status retry_locked(struct db *db, uint64_t id,
                                   struct job_control_outcome *ret_outcome, struct error *error)
{
    struct locked_job job;
    struct buffer sql = { 0 };

    enum db_status status = lock_job(db, id, &job, error);
    if (status != DB_OK)
        return status;
    *ret_outcome = outcome_of(&job);
    if (!job.found)
        return DB_OK;
    if (job.due)
        ret_outcome->result = JOB_CONTROL_ALREADY_DUE;
    else if (job.lease)
        ret_outcome->result = JOB_CONTROL_RUNNING;
    if (ret_outcome->result != JOB_CONTROL_DONE)
        return DB_OK;
    buffer_append_format(&sql, "UPDATE dueq_job SET next_run_at = NOW(6) WHERE id = %llu",
                         (unsigned long long) id);
    status = db_execute_buffer(db, &sql, NULL, error);
    buffer_done(&sql);
    return status;
}

/* A producer's INSERT … ON DUPLICATE KEY UPDATE locks the entry of the unique key first and the row
 * after it. So does this: the other way round one of the two would be the victim of a deadlock, the
 * producer with its whole business transaction. */
static enum db_status lock_unique_key(struct db *db, uint64_t id, struct error *error)
{
    struct buffer sql = { 0 };
    struct db_result *result = NULL;

    buffer_append_format(&sql,
                         "SELECT unique_key FROM dueq_job"
                         " WHERE id = %llu AND unique_key IS NOT NULL",
                         (unsigned long long) id);
    enum db_status status = db_query_buffer(db, &sql, &result, error);
    if (status == DB_OK && db_result_next(result)) {
        size_t len;
        const char *key = db_text(result, 0, &len);
        buffer_clear(&sql);
        buffer_append_text(&sql,
                           "SELECT id FROM dueq_job FORCE INDEX (unique_key) WHERE unique_key = ");
        db_append_quoted(db, &sql, key, len);
        buffer_append_text(&sql, " FOR UPDATE");
        status = db_execute_buffer(db, &sql, NULL, error);
    }
    db_result_free(result);
    buffer_done(&sql);
    return status;
}

static enum db_status cancel_locked(struct db *db, uint64_t id, const char *message,
                                    struct job_control_outcome *ret_outcome, struct error *error)
{
    const struct dead_letter letter = { id, DEAD_CANCELLED, message, strlen(message), 0 };
    struct locked_job job;

    enum db_status status = lock_unique_key(db, id, error);
    if (status == DB_OK)
        status = lock_job(db, id, &job, error);
    if (status != DB_OK)
        return status;
    *ret_outcome = outcome_of(&job);
    return job.found ? dead_letter_move(db, &letter, 1, error) : DB_OK;
}

static void wait_before_retry(int retry)
{
    struct timespec wait = clock_timespec((int64_t) RETRY_WAIT_US << retry);
    nanosleep(&wait, NULL);
}

/* message NULL: retry, else cancel. */
static enum db_status control(struct db *db, uint64_t id, const char *message,
                              struct job_control_outcome *ret_outcome, struct error *error)
{
    struct job_control_outcome outcome = { .result = JOB_CONTROL_MISSING };
    enum db_status status = DB_RETRY;

    for (int retry = 0; status == DB_RETRY && retry < RETRIES; retry++) {
        if (retry > 0)
            wait_before_retry(retry);
        status = transaction_begin(db, error);
        if (status != DB_OK)
            return status;
        status = message ? cancel_locked(db, id, message, &outcome, error)
                         : retry_locked(db, id, &outcome, error);
        status = transaction_end(db, status, NULL, error);
    }
    if (status == DB_OK)
        *ret_outcome = outcome;
    return status;
}

enum db_status job_retry_now(struct db *db, uint64_t id, struct job_control_outcome *ret_outcome,
                             struct error *error)
{
    return control(db, id, NULL, ret_outcome, error);
}

enum db_status job_cancel(struct db *db, uint64_t id, const char *message,
                          struct job_control_outcome *ret_outcome, struct error *error)
{
    return control(db, id, message, ret_outcome, error);
}
