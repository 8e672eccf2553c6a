#include "queue_settings.h"

#include <string.h>

/* "column = value", a comma before all but the first. */
static void append_change(struct buffer *sql, size_t *count, const char *column,
                          enum setting_change change, uint32_t value, const char *cleared)
{
    if (change == SETTING_KEEP)
        return;
    buffer_append_format(sql, "%s%s = ", (*count)++ ? ", " : "", column);
    if (change == SETTING_SET)
        buffer_append_u64(sql, value);
    else
        buffer_append_text(sql, cleared);
}

static size_t append_changes(struct buffer *sql, const struct queue_settings *settings)
{
    size_t count = 0;
    append_change(sql, &count, "paused", settings->paused, 1, "0");
    append_change(sql, &count, "concurrency", settings->change_concurrency, settings->concurrency,
                  "NULL");
    append_change(sql, &count, "rate", settings->change_rate, settings->rate, "NULL");
    return count;
}

enum db_status queue_settings_write(struct db *db, const char *queue,
                                    const struct queue_settings *settings, struct error *error)
{
    struct buffer sql = { 0 };
    enum db_status status = DB_OK;

    buffer_append_text(&sql, "INSERT INTO dueq_queue SET queue = ");
    db_append_quoted(db, &sql, queue, strlen(queue));
    buffer_append_text(&sql, ", ");
    size_t changes = append_changes(&sql, settings);
    buffer_append_text(&sql, " ON DUPLICATE KEY UPDATE ");
    append_changes(&sql, settings);
    if (changes > 0)
        status = db_execute_buffer(db, &sql, NULL, error);
    buffer_done(&sql);
    if (status != DB_OK)
        error_prefix(error, "writing to dueq_queue");
    return status;
}
