#include "dead_browse.h"

#include <string.h>

#include "kind_pattern.h"

enum column {
    DEAD_ID,
    ID,
    QUEUE,
    KIND,
    STATE,
    PRIORITY,
    ATTEMPTS,
    MAX_ATTEMPTS,
    RETRY,
    UNIQUE_KEY,
    ORDERING_KEY,
    HEADERS,
    PAYLOAD_LEN,
    NEXT_RUN_AT,
    CREATED_AT,
    DIED_AT,
    NOW,
    REASON,
    MESSAGE,
    PAYLOAD,
};

static void append_equal(struct db *db, struct buffer *sql, const char *column, const char *value)
{
    if (!value)
        return;
    buffer_append_format(sql, " AND %s = ", column);
    db_append_quoted(db, sql, value, strlen(value));
}

void dead_filter_append(struct db *db, struct buffer *sql, const struct dead_filter *filter)
{
    buffer_append_text(sql, " WHERE 1 = 1");
    if (filter->dead_ids) {
        buffer_append_text(sql, " AND dead_id IN (0");
        for (size_t i = 0; i < filter->dead_id_count; i++) {
            buffer_append_char(sql, ',');
            buffer_append_u64(sql, filter->dead_ids[i]);
        }
        buffer_append_char(sql, ')');
    }
    if (filter->job_id)
        buffer_append_format(sql, " AND id = %llu", (unsigned long long) filter->job_id);
    kind_pattern_append(db, sql, "kind", filter->kind);
    append_equal(db, sql, "queue", filter->queue);
    append_equal(db, sql, "reason", filter->reason);
    if (filter->error) {
        buffer_append_text(sql, " AND LOCATE(");
        db_append_quoted(db, sql, filter->error, strlen(filter->error));
        buffer_append_text(sql, ", message) > 0");
    }
    if (filter->older_than_us >= 0)
        buffer_append_format(sql, " AND died_at <= NOW(6) - INTERVAL %lld MICROSECOND",
                             (long long) filter->older_than_us);
    if (filter->newer_than_us >= 0)
        buffer_append_format(sql, " AND died_at >= NOW(6) - INTERVAL %lld MICROSECOND",
                             (long long) filter->newer_than_us);
}

static bool read_row(const struct db_result *result, struct arena *arena, struct dead_view *dead)
{
    bool failed = false;

    *dead = (struct dead_view){
        .dead_id = db_u64(result, DEAD_ID),
        .id = db_u64(result, ID),
        .queue = row_text_copy(result, QUEUE, arena, &failed),
        .kind = row_text_copy(result, KIND, arena, &failed),
        .state = row_text_copy(result, STATE, arena, &failed),
        .priority = (uint8_t) db_u64(result, PRIORITY),
        .attempts = (uint32_t) db_u64(result, ATTEMPTS),
        .max_attempts = (uint32_t) db_u64(result, MAX_ATTEMPTS),
        .retry = row_text_copy(result, RETRY, arena, &failed),
        .unique_key = row_text_copy(result, UNIQUE_KEY, arena, &failed),
        .ordering_key = row_text_copy(result, ORDERING_KEY, arena, &failed),
        .headers = row_text_copy(result, HEADERS, arena, &failed),
        .payload_len = db_u64(result, PAYLOAD_LEN),
        .next_run_at_us = db_i64(result, NEXT_RUN_AT),
        .created_at_us = db_i64(result, CREATED_AT),
        .died_at_us = db_i64(result, DIED_AT),
        .now_us = db_i64(result, NOW),
        .reason = row_text_copy(result, REASON, arena, &failed),
        .message = row_text_copy(result, MESSAGE, arena, &failed),
        .payload = row_text_copy(result, PAYLOAD, arena, &failed),
    };
    return !failed;
}

static bool read_rows(struct db_result *result, struct arena *arena, struct dead_view **ret_dead,
                      size_t *ret_count)
{
    size_t count = 0;
    struct dead_view *dead = arena_alloc(arena, (db_result_rows(result) + 1) * sizeof *dead);

    if (!dead)
        return false;
    while (db_result_next(result))
        if (!read_row(result, arena, &dead[count++]))
            return false;
    *ret_dead = dead;
    *ret_count = count;
    return true;
}

enum db_status dead_list(struct db *db, const struct dead_filter *filter, uint64_t limit,
                         uint32_t payload_chars, struct arena *arena, struct dead_view **ret_dead,
                         size_t *ret_count, struct error *error)
{
    struct buffer sql = { 0 };
    struct db_result *result = NULL;

    /* The formatter never comes to rest with these macros between the strings. */
    /* clang-format off */
    buffer_append_format(
        &sql,
        "SELECT dead_id, id, queue, kind, state, priority, attempts, max_attempts, retry,"
        " unique_key, ordering_key, headers, OCTET_LENGTH(payload), "
        ROW_TIME_US("next_run_at") ", " ROW_TIME_US("created_at") ", " ROW_TIME_US("died_at") ", "
        ROW_TIME_US("NOW(6)") ", reason, message, LEFT(payload, %lu) FROM dueq_dead",
        (unsigned long) payload_chars);
    /* clang-format on */
    dead_filter_append(db, &sql, filter);
    buffer_append_format(&sql, " ORDER BY dead_id DESC LIMIT %llu", (unsigned long long) limit);
    enum db_status status = db_query_buffer(db, &sql, &result, error);
    if (status == DB_OK && !read_rows(result, arena, ret_dead, ret_count)) {
        error_set(error, "out of memory");
        status = DB_FATAL;
    }
    db_result_free(result);
    buffer_done(&sql);
    if (status != DB_OK)
        error_prefix(error, "listing dead letters");
    return status;
}

enum db_status dead_count(struct db *db, const struct dead_filter *filter, struct arena *arena,
                          struct dead_group **ret_groups, size_t *ret_count, struct error *error)
{
    struct buffer sql = { 0 };
    struct db_result *result = NULL;
    bool failed = false;
    size_t count = 0;

    buffer_append_text(&sql, "SELECT kind, reason, COUNT(*) FROM dueq_dead");
    dead_filter_append(db, &sql, filter);
    buffer_append_text(&sql, " GROUP BY kind, reason ORDER BY kind, reason");
    enum db_status status = db_query_buffer(db, &sql, &result, error);
    buffer_done(&sql);
    if (status != DB_OK) {
        error_prefix(error, "counting dead letters");
        return status;
    }
    struct dead_group *groups = arena_alloc(arena, (db_result_rows(result) + 1) * sizeof *groups);
    failed = !groups;
    while (!failed && db_result_next(result))
        groups[count++] = (struct dead_group){
            .kind = row_text_copy(result, 0, arena, &failed),
            .reason = row_text_copy(result, 1, arena, &failed),
            .count = db_u64(result, 2),
        };
    db_result_free(result);
    if (failed) {
        error_set(error, "out of memory");
        return DB_FATAL;
    }
    *ret_groups = groups;
    *ret_count = count;
    return DB_OK;
}
