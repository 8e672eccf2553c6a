#include "retention.h"

enum { BATCH = 1000 };

enum db_status retention_run(struct db *db, int64_t keep_errors_us, bool *ret_more,
                             struct error *error)
{
    struct buffer sql = { 0 };
    uint64_t deleted = 0;

    /* In the order of the key, which is about that of time: it reads no row that it does not
     * delete, but one. */
    buffer_append_format(
        &sql,
        "DELETE FROM dueq_error WHERE error_id <= (SELECT id FROM (SELECT MAX(error_id) AS id"
        " FROM (SELECT error_id, at FROM dueq_error ORDER BY error_id LIMIT %d) head"
        " WHERE at < NOW(6) - INTERVAL %lld MICROSECOND) old)",
        BATCH, (long long) keep_errors_us);
    enum db_status status = db_execute_buffer(db, &sql, &deleted, error);
    buffer_done(&sql);
    if (status == DB_OK)
        status = db_run(db, "DELETE FROM dueq_worker WHERE seen_at < NOW(6) - INTERVAL 1 DAY",
                        error);
    if (status == DB_OK)
        *ret_more = deleted == BATCH;
    else
        error_prefix(error, "deleting old rows");
    return status;
}
