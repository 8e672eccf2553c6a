#include "dead_letter.h"

#include <stdlib.h>
#include <string.h>

#include "job_rows.h"
#include "row_list.h"

const char *dead_reason_name(enum dead_reason reason)
{
    static const char *const names[] = {
        [DEAD_HANDLER] = "handler",     [DEAD_EXHAUSTED] = "exhausted", [DEAD_EXPIRED] = "expired",
        [DEAD_CANCELLED] = "cancelled", [DEAD_INVALID] = "invalid",     [DEAD_CRASHED] = "crashed",
    };
    return names[reason];
}

static enum db_status copy(struct db *db, const struct dead_letter *letters, size_t count,
                           struct error *error)
{
    /* Said for the message, since the database's own character set may lack its characters. */
    static const char *const columns[] = { "id BIGINT UNSIGNED", "reason VARCHAR(32)",
                                           "message TEXT CHARACTER SET utf8mb4", "charge INT" };
    struct row_list rows = { 0 };
    struct buffer sql = { 0 };

    for (size_t i = 0; i < count; i++) {
        const char *reason = dead_reason_name(letters[i].reason);
        row_list_next(&rows);
        row_list_u64(&rows, letters[i].id);
        row_list_text(&rows, reason, strlen(reason));
        row_list_text(&rows, letters[i].message, letters[i].message_len);
        row_list_i64(&rows, letters[i].charge);
    }
    buffer_append_text(
        &sql,
        "INSERT INTO dueq_dead (id, queue, kind, payload, headers, priority, next_run_at, state,"
        " attempts, max_attempts, retry, unique_key, ordering_key, created_at, reason, message)"
        " SELECT j.id, j.queue, j.kind, j.payload, IF(JSON_VALID(j.headers), j.headers, NULL),"
        " j.priority, IF(UNIX_TIMESTAMP(j.next_run_at) = 0, NULL, j.next_run_at), j.state,"
        " j.attempts + t.charge, j.max_attempts, j.retry, j.unique_key, j.ordering_key,"
        " IF(UNIX_TIMESTAMP(j.created_at) = 0, NULL, j.created_at), t.reason, t.message FROM ");
    row_list_append(&rows, db, &sql, columns, 4);
    buffer_append_text(&sql, " STRAIGHT_JOIN dueq_job j FORCE INDEX (PRIMARY) ON j.id = t.id");
    enum db_status status = db_execute_buffer(db, &sql, NULL, error);
    buffer_done(&sql);
    row_list_done(&rows);
    return status;
}

enum db_status dead_letter_move(struct db *db, const struct dead_letter *letters, size_t count,
                                struct error *error)
{
    if (count == 0)
        return DB_OK;
    uint64_t *ids = calloc(count, sizeof *ids);
    if (!ids) {
        error_set(error, "out of memory");
        return DB_FATAL;
    }
    for (size_t i = 0; i < count; i++)
        ids[i] = letters[i].id;
    enum db_status status = copy(db, letters, count, error);
    if (status == DB_OK)
        status = job_rows_delete(db, ids, count, error);
    free(ids);
    if (status != DB_OK)
        error_prefix(error, "moving %zu jobs to dueq_dead", count);
    return status;
}
