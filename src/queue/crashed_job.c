#include "crashed_job.h"

#include <stdio.h>

static void copy_text(struct db_result *result, unsigned column, char *text, size_t size)
{
    const char *from = db_text(result, column, NULL);
    snprintf(text, size, "%s", from ? from : "");
}

enum db_status crashed_job_read(struct db *db, uint64_t id, uint32_t attempt,
                                struct crashed_job *ret_job, struct error *error)
{
    struct buffer sql = { 0 };
    struct db_result *result = NULL;

    /* A row for this attempt or a later one is of a former life, as are those before it. */
    buffer_append_format(
        &sql,
        "SELECT kind, queue, retry, max_attempts,"
        " TIMESTAMPDIFF(MICROSECOND, created_at, NOW(6)),"
        " (SELECT COUNT(*) FROM dueq_error e WHERE e.job_id = j.id AND e.message LIKE "
        "'" CRASHED_PREFIX "%%' AND e.error_id > COALESCE((SELECT MAX(f.error_id) FROM dueq_error f"
        " WHERE f.job_id = %llu AND f.attempt >= %u), 0))"
        " FROM dueq_job j WHERE id = %llu",
        (unsigned long long) id, attempt, (unsigned long long) id);
    enum db_status status = db_query_buffer(db, &sql, &result, error);
    buffer_done(&sql);
    if (status != DB_OK)
        return status;
    if (!db_result_next(result)) {
        db_result_free(result);
        return DB_NO_ROW;
    }
    copy_text(result, 0, ret_job->kind, sizeof ret_job->kind);
    copy_text(result, 1, ret_job->queue, sizeof ret_job->queue);
    copy_text(result, 2, ret_job->retry, sizeof ret_job->retry);
    ret_job->max_attempts = (uint32_t) db_u64(result, 3);
    ret_job->age_us = db_i64(result, 4);
    ret_job->crashes = (uint32_t) db_u64(result, 5);
    db_result_free(result);
    return DB_OK;
}
