#include "job_error.h"

#include <string.h>

enum db_status job_error_insert(struct db *db, const char *worker, const struct job_error *errors,
                                size_t count, struct error *error)
{
    struct buffer sql = { 0 };

    if (count == 0)
        return DB_OK;
    buffer_append_text(&sql, "INSERT INTO dueq_error (job_id, attempt, worker, message) VALUES ");
    for (size_t i = 0; i < count; i++) {
        buffer_append_format(&sql, "%s(%llu, %u, ", i ? ", " : "",
                             (unsigned long long) errors[i].job_id, errors[i].attempt);
        db_append_quoted(db, &sql, worker, strlen(worker));
        buffer_append_text(&sql, ", ");
        db_append_quoted(db, &sql, errors[i].message, errors[i].message_len);
        buffer_append_char(&sql, ')');
    }
    enum db_status status = db_execute_buffer(db, &sql, NULL, error);
    buffer_done(&sql);
    if (status != DB_OK)
        error_prefix(error, "writing %zu rows to dueq_error", count);
    return status;
}
