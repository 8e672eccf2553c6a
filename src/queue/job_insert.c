#include "job_insert.h"

#include <inttypes.h>
#include <string.h>

/* Columns and values, side by side. */
struct insert {
    struct db *db;
    struct buffer columns;
    struct buffer values;
};

static void add_name(struct insert *insert, const char *column)
{
    if (insert->columns.len) {
        buffer_append_text(&insert->columns, ", ");
        buffer_append_text(&insert->values, ", ");
    }
    buffer_append_text(&insert->columns, column);
}

static void add_text(struct insert *insert, const char *column, const char *text, size_t len)
{
    if (!text)
        return;
    add_name(insert, column);
    db_append_quoted(insert->db, &insert->values, text, len);
}

static void add_string(struct insert *insert, const char *column, const char *text)
{
    add_text(insert, column, text, text ? strlen(text) : 0);
}

static void add_number(struct insert *insert, const char *column, int64_t value)
{
    if (value < 0)
        return;
    add_name(insert, column);
    buffer_append_i64(&insert->values, value);
}

static void add_date(struct insert *insert, const struct new_job *job)
{
    if (job->delay_us < 0 && job->at_us < 0)
        return;
    add_name(insert, "next_run_at");
    if (job->delay_us >= 0)
        buffer_append_format(&insert->values, "NOW(6) + INTERVAL %" PRId64 " MICROSECOND",
                             job->delay_us);
    else
        buffer_append_format(&insert->values,
                             "TIMESTAMP'1970-01-01 00:00:00' + INTERVAL %" PRId64 " MICROSECOND",
                             job->at_us);
}

static enum db_status find_holder(struct db *db, const char *unique_key, uint64_t *ret_id,
                                  struct error *error)
{
    struct buffer sql = { 0 };
    *ret_id = 0;
    buffer_append_text(&sql, "SELECT id FROM dueq_job WHERE unique_key = ");
    db_append_quoted(db, &sql, unique_key, strlen(unique_key));
    enum db_status status = DB_FATAL;
    if (sql.failed)
        error_set(error, "out of memory");
    else
        status = db_query_u64(db, sql.bytes, ret_id, error);
    buffer_done(&sql);
    return status == DB_NO_ROW ? DB_OK : status;
}

enum db_status job_insert(struct db *db, const struct new_job *job, uint64_t *ret_id,
                          bool *ret_absorbed, struct error *error)
{
    struct insert insert = { .db = db };
    struct buffer sql = { 0 };

    add_string(&insert, "kind", job->kind);
    add_text(&insert, "payload", job->payload, job->payload_len);
    add_string(&insert, "queue", job->queue);
    add_string(&insert, "headers", job->headers);
    add_number(&insert, "priority", job->priority);
    add_date(&insert, job);
    add_number(&insert, "max_attempts", job->max_attempts);
    add_string(&insert, "retry", job->retry);
    add_string(&insert, "unique_key", job->unique_key);
    add_string(&insert, "ordering_key", job->ordering_key);
    if (!insert.columns.failed && !insert.values.failed) {
        buffer_append_text(&sql, "INSERT INTO dueq_job (");
        buffer_append(&sql, insert.columns.bytes, insert.columns.len);
        buffer_append_text(&sql, ") VALUES (");
        buffer_append(&sql, insert.values.bytes, insert.values.len);
        buffer_append_char(&sql, ')');
        /* The recipe for producers; INSERT IGNORE would let bad values through. */
        if (job->unique_key)
            buffer_append_text(&sql, " ON DUPLICATE KEY UPDATE id = id");
    } else {
        sql.failed = 1;
    }
    enum db_status status = db_execute_buffer(db, &sql, NULL, error);
    if (status == DB_OK) {
        /* The number of rows affected is 1 in both cases; but no id is generated for a row that is
         * not inserted. */
        uint64_t id = db_insert_id(db);
        *ret_absorbed = id == 0;
        if (id)
            *ret_id = id;
        else
            status = find_holder(db, job->unique_key, ret_id, error);
    }
    buffer_done(&sql);
    buffer_done(&insert.columns);
    buffer_done(&insert.values);
    return status;
}
