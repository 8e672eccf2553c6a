#include "retention.h"

enum { BATCH = 1000 };

/* The last of the first rows that is old enough; DB_NO_ROW: none is. In the order of the key, which
 * is about that of time. */
static enum db_status last_old_error(struct db *db, int64_t keep_errors_us, uint64_t *ret_id,
                                     struct error *error)
{
    struct buffer sql = { 0 };
    enum db_status status = DB_FATAL;

    buffer_append_format(&sql,
                         "SELECT MAX(error_id) FROM (SELECT error_id, at FROM dueq_error"
                         " ORDER BY error_id LIMIT %d) head"
                         " WHERE at < NOW(6) - INTERVAL %lld MICROSECOND",
                         BATCH, (long long) keep_errors_us);
    if (sql.failed)
        error_set(error, "out of memory for a statement");
    else
        status = db_query_u64(db, sql.bytes, ret_id, error);
    buffer_done(&sql);
    return status;
}

/* With the id as a number: with a subquery in its place the servers read the whole table. */
static enum db_status delete_old_errors(struct db *db, int64_t keep_errors_us,
                                        uint64_t *ret_deleted, struct error *error)
{
    struct buffer sql = { 0 };
    uint64_t id;

    *ret_deleted = 0;
    enum db_status status = last_old_error(db, keep_errors_us, &id, error);
    if (status == DB_NO_ROW)
        return DB_OK;
    if (status != DB_OK)
        return status;
    buffer_append_format(&sql, "DELETE FROM dueq_error WHERE error_id <= %llu",
                         (unsigned long long) id);
    status = db_execute_buffer(db, &sql, ret_deleted, error);
    buffer_done(&sql);
    return status;
}

enum db_status retention_run(struct db *db, int64_t keep_errors_us, bool *ret_more,
                             struct error *error)
{
    uint64_t deleted;

    enum db_status status = delete_old_errors(db, keep_errors_us, &deleted, error);
    if (status == DB_OK)
        status = db_run(db, "DELETE FROM dueq_worker WHERE seen_at < NOW(6) - INTERVAL 1 DAY",
                        error);
    if (status == DB_OK)
        *ret_more = deleted == BATCH;
    else
        error_prefix(error, "deleting old rows");
    return status;
}
