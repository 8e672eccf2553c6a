#include "worker_row.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "worker_list.h"

enum db_status worker_row_insert(struct db *db, const char *name, const char *version,
                                 uint64_t *ret_id, struct error *error)
{
    struct buffer sql = { 0 };
    buffer_append_text(&sql, "INSERT INTO dueq_worker (name, version) VALUES (");
    db_append_quoted(db, &sql, name, strlen(name));
    buffer_append_char(&sql, ',');
    db_append_quoted(db, &sql, version, strlen(version));
    buffer_append_char(&sql, ')');
    enum db_status status = db_execute_buffer(db, &sql, NULL, error);
    buffer_done(&sql);
    if (status == DB_OK)
        *ret_id = db_insert_id(db);
    else
        error_prefix(error, "registering in dueq_worker");
    return status;
}

enum db_status worker_row_heartbeat(struct db *db, uint64_t id, const char *status_json, size_t len,
                                    struct error *error)
{
    struct buffer sql = { 0 };
    uint64_t affected = 0;
    buffer_append_text(&sql, "UPDATE dueq_worker SET seen_at = NOW(6), status = ");
    db_append_quoted(db, &sql, status_json, len);
    buffer_append_format(&sql, " WHERE worker_id = %llu", (unsigned long long) id);
    enum db_status status = db_execute_buffer(db, &sql, &affected, error);
    buffer_done(&sql);
    if (status == DB_OK && affected == 0)
        return DB_NO_ROW;
    return status;
}

enum db_status worker_row_has_company(struct db *db, uint64_t id, bool *ret_has,
                                      struct error *error)
{
    struct buffer sql = { 0 };
    struct db_result *result = NULL;

    buffer_append_format(&sql,
                         "SELECT 1 FROM dueq_worker WHERE worker_id <> %llu"
                         " AND seen_at > NOW(6) - INTERVAL %d SECOND LIMIT 1",
                         (unsigned long long) id, WORKER_STALE_US / 1000000);
    enum db_status status = db_query_buffer(db, &sql, &result, error);
    buffer_done(&sql);
    if (status == DB_OK)
        *ret_has = db_result_rows(result) > 0;
    db_result_free(result);
    return status;
}

enum db_status worker_row_delete(struct db *db, uint64_t id, struct error *error)
{
    struct buffer sql = { 0 };
    buffer_append_format(&sql, "DELETE FROM dueq_worker WHERE worker_id = %llu",
                         (unsigned long long) id);
    enum db_status status = db_execute_buffer(db, &sql, NULL, error);
    buffer_done(&sql);
    return status;
}
