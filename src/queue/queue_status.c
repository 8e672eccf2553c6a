#include "queue_status.h"

#include <string.h>

#include "probe.h"
#include "queue_locked.h"

/* "FROM dueq_job … WHERE queue = ? AND priority = ?" */
static void append_range(struct db *db, struct buffer *sql, const char *queue, int priority)
{
    buffer_append_text(sql, " FROM dueq_job FORCE INDEX (due) WHERE queue = ");
    db_append_quoted(db, sql, queue, strlen(queue));
    buffer_append_format(sql, " AND priority = %d AND next_run_at ", priority);
}

static void append_limit(struct buffer *sql, uint64_t limit)
{
    buffer_append_text(sql, " ORDER BY next_run_at");
    if (limit != UINT64_MAX)
        buffer_append_format(sql, " LIMIT %llu", (unsigned long long) limit);
    buffer_append_text(sql, ") x");
}

/* The first row's columns, as numbers; -1 for NULL. */
static enum db_status read_numbers(struct db *db, const struct buffer *sql, int64_t *numbers,
                                   unsigned count, struct error *error)
{
    struct db_result *result;
    enum db_status status = db_query_buffer(db, sql, &result, error);
    if (status != DB_OK)
        return status;
    bool found = db_result_next(result);
    for (unsigned i = 0; i < count; i++)
        numbers[i] = found && !db_is_null(result, i) ? db_i64(result, i) : -1;
    db_result_free(result);
    return DB_OK;
}

static void add_count(struct queue_count *total, int64_t count, uint64_t cap)
{
    total->count += (uint64_t) count;
    if (cap != UINT64_MAX && total->count >= cap)
        total->more = true;
}

/* How many more may be counted; 0: no more. */
static uint64_t room(const struct queue_count *total, uint64_t cap)
{
    return cap == UINT64_MAX ? UINT64_MAX : total->count < cap ? cap - total->count : 0;
}

static enum db_status count_due(struct db *db, const char *queue, int priority, uint64_t cap,
                                struct queue_status *status_, struct error *error)
{
    struct buffer sql = { 0 };
    int64_t numbers[2];
    uint64_t limit = room(&status_->due, cap);

    if (limit == 0)
        limit = 1; /* the oldest one's age is wanted all the same */
    buffer_append_text(&sql, "SELECT COUNT(*), TIMESTAMPDIFF(MICROSECOND, MIN(r), NOW(6))"
                             " FROM (SELECT next_run_at AS r");
    append_range(db, &sql, queue, priority);
    buffer_append_text(&sql, "<= NOW(6)");
    append_limit(&sql, limit);
    enum db_status status = read_numbers(db, &sql, numbers, 2, error);
    buffer_done(&sql);
    if (status != DB_OK)
        return status;
    if (room(&status_->due, cap) > 0)
        add_count(&status_->due, numbers[0], cap);
    if (numbers[0] > 0 && numbers[1] > status_->oldest_due_us)
        status_->oldest_due_us = numbers[1];
    else if (numbers[0] > 0 && status_->oldest_due_us < 0)
        status_->oldest_due_us = 0; /* its date is none */
    return DB_OK;
}

/* All that is not due: what is delayed, and what runs. */
static enum db_status count_waiting(struct db *db, const char *queue, int priority, uint64_t cap,
                                    struct queue_count *waiting, struct error *error)
{
    struct buffer sql = { 0 };
    int64_t number;
    uint64_t limit = room(waiting, cap);

    if (limit == 0)
        return DB_OK;
    buffer_append_text(&sql, "SELECT COUNT(*) FROM (SELECT next_run_at");
    append_range(db, &sql, queue, priority);
    buffer_append_text(&sql, "> NOW(6)");
    append_limit(&sql, limit);
    enum db_status status = read_numbers(db, &sql, &number, 1, error);
    buffer_done(&sql);
    if (status == DB_OK)
        add_count(waiting, number, cap);
    return status;
}

/* A lease is in the row, not in the index; but leases end soon, so the rows under one are among the
 * first. */
static enum db_status count_running(struct db *db, const char *queue, int priority, uint64_t cap,
                                    struct queue_status *status_, struct error *error)
{
    struct buffer sql = { 0 };
    int64_t numbers[3];

    buffer_append_text(&sql,
                       "SELECT COUNT(lease), COUNT(*), TIMESTAMPDIFF(MICROSECOND, NOW(6),"
                       " MIN(IF(lease IS NULL, r, NULL))) FROM (SELECT lease, next_run_at AS r");
    append_range(db, &sql, queue, priority);
    buffer_append_text(&sql, "> NOW(6)");
    append_limit(&sql, cap);
    enum db_status status = read_numbers(db, &sql, numbers, 3, error);
    buffer_done(&sql);
    if (status != DB_OK)
        return status;
    status_->running.count += (uint64_t) numbers[0];
    if (cap != UINT64_MAX && (uint64_t) numbers[1] >= cap && numbers[0] > 0)
        status_->running.more = true;
    if (numbers[2] >= 0 && (status_->next_due_us < 0 || numbers[2] < status_->next_due_us))
        status_->next_due_us = numbers[2];
    return DB_OK;
}

enum db_status queue_status_read(struct db *db, const char *queue, bool exact,
                                 struct queue_status *ret_status, struct error *error)
{
    struct queue_status found = { .oldest_due_us = -1, .next_due_us = -1 };
    struct queue_count waiting = { 0 };
    uint64_t count_cap = exact ? UINT64_MAX : QUEUE_COUNT_CAP;
    uint64_t row_cap = exact ? UINT64_MAX : QUEUE_ROW_CAP;
    enum db_status status = DB_OK;

    for (int priority = 0; priority < PRIORITIES && status == DB_OK; priority++) {
        status = count_due(db, queue, priority, count_cap, &found, error);
        if (status == DB_OK)
            status = count_waiting(db, queue, priority, count_cap, &waiting, error);
        if (status == DB_OK)
            status = count_running(db, queue, priority, row_cap, &found, error);
    }
    found.delayed = waiting;
    found.delayed.count -= waiting.count < found.running.count ? waiting.count
                                                               : found.running.count;
    if (status == DB_OK && found.oldest_due_us > QUEUE_LOCKED_AGE_US)
        status = queue_locked_count(db, queue, &found.locked, error);
    if (status != DB_OK) {
        error_prefix(error, "counting the jobs of a queue");
        return status;
    }
    *ret_status = found;
    return DB_OK;
}

enum db_status queue_dead_read(struct db *db, bool exact, struct arena *arena,
                               struct queue_dead **ret_dead, size_t *ret_count, struct error *error)
{
    struct buffer sql = { 0 };
    struct db_result *result = NULL;
    uint64_t total = 0;
    size_t count = 0;
    bool failed = false;

    buffer_append_text(&sql, "SELECT queue, COUNT(*) FROM (SELECT queue FROM dueq_dead");
    if (!exact)
        buffer_append_format(&sql, " ORDER BY dead_id DESC LIMIT %d", QUEUE_ROW_CAP);
    buffer_append_text(&sql, ") x GROUP BY queue ORDER BY queue");
    enum db_status status = db_query_buffer(db, &sql, &result, error);
    buffer_done(&sql);
    if (status != DB_OK) {
        error_prefix(error, "counting dead letters");
        return status;
    }
    struct queue_dead *dead = arena_alloc(arena, (db_result_rows(result) + 1) * sizeof *dead);
    failed = !dead;
    while (!failed && db_result_next(result)) {
        dead[count] = (struct queue_dead){
            .queue = row_text_copy(result, 0, arena, &failed),
            .dead = { .count = db_u64(result, 1) },
        };
        total += dead[count++].dead.count;
    }
    db_result_free(result);
    if (failed) {
        error_set(error, "out of memory");
        return DB_FATAL;
    }
    for (size_t i = 0; i < count; i++)
        dead[i].dead.more = !exact && total >= QUEUE_ROW_CAP;
    *ret_dead = dead;
    *ret_count = count;
    return DB_OK;
}
