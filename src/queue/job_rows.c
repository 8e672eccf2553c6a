#include "job_rows.h"

#include "row_list.h"

#define JOIN_JOBS " STRAIGHT_JOIN dueq_job j FORCE INDEX (PRIMARY) ON j.id = t.id"

/* verb: "DELETE j FROM " or "UPDATE "; change: what follows the join, taken. */
static enum db_status change_ids(struct db *db, const char *verb, const uint64_t *ids, size_t count,
                                 struct buffer *change, struct error *error)
{
    struct buffer sql = { 0 };
    buffer_append_text(&sql, verb);
    row_list_append_ids(&sql, ids, count);
    buffer_append_text(&sql, JOIN_JOBS);
    buffer_append(&sql, change->bytes, change->len);
    sql.failed |= change->failed;
    enum db_status status = db_execute_buffer(db, &sql, NULL, error);
    buffer_done(&sql);
    buffer_done(change);
    return status;
}

static void mark_locked(struct key_entry *entries, size_t count, uint64_t id)
{
    for (size_t i = 0; i < count; i++)
        if (entries[i].id == id)
            entries[i].locked = true;
}

enum db_status job_rows_lock_keys(struct db *db, struct key_entry *entries, size_t count,
                                  struct error *error)
{
    struct buffer sql = { 0 };
    struct db_result *result = NULL;
    size_t keys = 0;

    buffer_append_text(&sql,
                       "SELECT id FROM dueq_job FORCE INDEX (unique_key) WHERE unique_key IN (");
    for (size_t i = 0; i < count; i++) {
        entries[i].locked = !entries[i].key;
        if (!entries[i].key)
            continue;
        if (keys++)
            buffer_append_char(&sql, ',');
        db_append_quoted(db, &sql, entries[i].key, entries[i].key_len);
    }
    buffer_append_text(&sql, ") FOR UPDATE SKIP LOCKED");

    enum db_status status = keys ? db_query_buffer(db, &sql, &result, error) : DB_OK;
    while (result && db_result_next(result))
        mark_locked(entries, count, db_u64(result, 0));
    db_result_free(result);
    buffer_done(&sql);
    return status;
}

enum db_status job_rows_delete(struct db *db, const uint64_t *ids, size_t count,
                               struct error *error)
{
    struct buffer nothing = { 0 };
    return count == 0 ? DB_OK : change_ids(db, "DELETE j FROM ", ids, count, &nothing, error);
}

enum db_status job_rows_delete_leased(struct db *db, const struct outcome *const *outcomes,
                                      size_t count, uint64_t *ret_deleted, struct error *error)
{
    static const char *const columns[] = { "id BIGINT UNSIGNED", "lease BIGINT UNSIGNED",
                                           "attempt INT UNSIGNED" };
    struct row_list rows = { 0 };
    struct buffer sql = { 0 };

    for (size_t i = 0; i < count; i++) {
        row_list_next(&rows);
        row_list_u64(&rows, outcomes[i]->id);
        row_list_u64(&rows, outcomes[i]->lease);
        row_list_u64(&rows, outcomes[i]->attempt);
    }
    buffer_append_text(&sql, "SET STATEMENT innodb_lock_wait_timeout = 0 FOR DELETE j FROM ");
    row_list_append(&rows, db, &sql, columns, 3);
    buffer_append_text(&sql, JOIN_JOBS " WHERE j.lease = t.lease AND j.attempts = t.attempt");
    enum db_status status = db_execute_buffer(db, &sql, ret_deleted, error);
    buffer_done(&sql);
    row_list_done(&rows);
    return status;
}

enum db_status job_rows_lease(struct db *db, const uint64_t *ids, size_t count, uint64_t token,
                              int64_t lease_us, struct error *error)
{
    struct buffer set = { 0 };

    if (count == 0)
        return DB_OK;
    buffer_append_format(&set,
                         " SET j.lease = %llu, j.attempts = j.attempts + 1,"
                         " j.next_run_at = NOW(6) + INTERVAL %lld MICROSECOND",
                         (unsigned long long) token, (long long) lease_us);
    return change_ids(db, "UPDATE ", ids, count, &set, error);
}

enum db_status job_rows_extend(struct db *db, const uint64_t *ids, size_t count, int64_t lease_us,
                               struct error *error)
{
    struct buffer set = { 0 };

    if (count == 0)
        return DB_OK;
    buffer_append_format(&set, " SET j.next_run_at = NOW(6) + INTERVAL %lld MICROSECOND",
                         (long long) lease_us);
    return change_ids(db, "UPDATE ", ids, count, &set, error);
}

/* A date that no calendar has would be refused, and the whole statement with it. */
static int64_t calendar_delay(int64_t delay_us)
{
    static const int64_t most_us = INT64_C(86400000000) * 365 * 100; /* TIMESTAMP ends before */

    if (delay_us < 0)
        return 0;
    return delay_us < most_us ? delay_us : most_us;
}

enum db_status job_rows_postpone(struct db *db, const struct postponed *jobs, size_t count,
                                 struct error *error)
{
    static const char *const columns[] = { "id BIGINT UNSIGNED", "charge INT", "delay_us BIGINT",
                                           "lease BIGINT UNSIGNED" };
    if (count == 0)
        return DB_OK;
    struct row_list rows = { 0 };
    struct buffer sql = { 0 };
    for (size_t i = 0; i < count; i++) {
        row_list_next(&rows);
        row_list_u64(&rows, jobs[i].id);
        row_list_i64(&rows, jobs[i].charge);
        row_list_i64(&rows, calendar_delay(jobs[i].delay_us));
        row_list_u64(&rows, jobs[i].lease);
    }
    buffer_append_text(&sql, "UPDATE ");
    row_list_append(&rows, db, &sql, columns, 4);
    buffer_append_text(&sql,
                       JOIN_JOBS " SET j.lease = NULLIF(t.lease, 0),"
                                 " j.attempts = GREATEST(CAST(j.attempts AS SIGNED) + t.charge, 0),"
                                 " j.next_run_at = LEAST(NOW(6) + INTERVAL t.delay_us MICROSECOND,"
                                 " TIMESTAMP'2038-01-19 03:14:07')");
    enum db_status status = db_execute_buffer(db, &sql, NULL, error);
    buffer_done(&sql);
    row_list_done(&rows);
    return status;
}
