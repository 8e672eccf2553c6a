#include "lease.h"

#include "row_list.h"
#include "transaction.h"

static enum db_status write_held(struct db *db, const struct fence *fences, size_t count,
                                 int64_t lease_us, struct error *error)
{
    static const char *const columns[] = { "id BIGINT UNSIGNED" };
    struct row_list rows = { 0 };
    struct buffer sql = { 0 };
    enum db_status status = DB_OK;

    for (size_t i = 0; i < count; i++) {
        if (fences[i].state != FENCE_HELD)
            continue;
        row_list_next(&rows);
        row_list_u64(&rows, fences[i].id);
    }
    if (rows.rows > 0) {
        buffer_append_text(&sql, "UPDATE ");
        row_list_append(&rows, db, &sql, columns, 1);
        buffer_append_format(&sql,
                             " STRAIGHT_JOIN dueq_job j FORCE INDEX (PRIMARY) ON j.id = t.id"
                             " SET j.next_run_at = NOW(6) + INTERVAL %lld MICROSECOND",
                             (long long) lease_us);
        status = db_execute_buffer(db, &sql, NULL, error);
    }
    buffer_done(&sql);
    row_list_done(&rows);
    return status;
}

enum db_status lease_renew(struct db *db, struct fence *fences, size_t count, int64_t lease_us,
                           struct error *error)
{
    if (count == 0)
        return DB_OK;
    enum db_status status = transaction_begin(db, error);
    if (status != DB_OK)
        return status;
    status = fence_lock(db, fences, count, error);
    if (status == DB_OK)
        status = write_held(db, fences, count, lease_us, error);
    return transaction_end(db, status, NULL, error);
}
