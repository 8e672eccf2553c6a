#include "queue_locked.h"

#include <stdbool.h>
#include <string.h>
#include <time.h>

#include "clock.h"
#include "probe.h"
#include "row_list.h"
#include "transaction.h"

enum {
    LOCK_SAMPLE = 20,       /* jobs of a priority that are looked at */
    LOCK_PAUSE_US = 200000, /* between two looks: a claim's own locks are gone by then */
};

/* The jobs that have been due for a while, as a plain read sees them. */
static enum db_status sample_due(struct db *db, const char *queue, uint64_t *ids, size_t *ret_count,
                                 struct error *error)
{
    size_t count = 0;
    for (int priority = 0; priority < PRIORITIES; priority++) {
        struct buffer sql = { 0 };
        struct db_result *result;
        buffer_append_text(&sql, "SELECT id FROM dueq_job FORCE INDEX (due) WHERE queue = ");
        db_append_quoted(db, &sql, queue, strlen(queue));
        buffer_append_format(&sql,
                             " AND priority = %d AND next_run_at <= NOW(6) - INTERVAL %d"
                             " MICROSECOND ORDER BY next_run_at LIMIT %d",
                             priority, QUEUE_LOCKED_AGE_US, LOCK_SAMPLE);
        enum db_status status = db_query_buffer(db, &sql, &result, error);
        buffer_done(&sql);
        if (status != DB_OK)
            return status;
        while (db_result_next(result) && count < (size_t) PRIORITIES * LOCK_SAMPLE)
            ids[count++] = db_u64(result, 0);
        db_result_free(result);
    }
    *ret_count = count;
    return DB_OK;
}

/* Keeps of the ids those in the result, or those that are not. */
static size_t keep(uint64_t *ids, size_t count, struct db_result *result, bool those_in_it)
{
    bool found[PRIORITIES * LOCK_SAMPLE] = { false };
    size_t kept = 0;
    while (db_result_next(result))
        for (size_t i = 0; i < count; i++)
            if (ids[i] == db_u64(result, 0))
                found[i] = true;
    for (size_t i = 0; i < count; i++)
        if (found[i] == those_in_it)
            ids[kept++] = ids[i];
    return kept;
}

static enum db_status filter_ids(struct db *db, uint64_t *ids, size_t *count, const char *locking,
                                 bool those_found, struct error *error)
{
    static const char *const columns[] = { "id BIGINT UNSIGNED" };
    struct row_list rows = { 0 };
    struct buffer sql = { 0 };
    struct db_result *result = NULL;

    for (size_t i = 0; i < *count; i++) {
        row_list_next(&rows);
        row_list_u64(&rows, ids[i]);
    }
    buffer_append_text(&sql, "SELECT j.id FROM ");
    row_list_append_locking(&rows, db, &sql, columns, 1);
    buffer_append_text(&sql, " STRAIGHT_JOIN dueq_job j FORCE INDEX (PRIMARY) ON j.id = t.id"
                             " WHERE j.next_run_at <= NOW(6)");
    buffer_append_text(&sql, locking);
    enum db_status status = db_query_buffer(db, &sql, &result, error);
    if (status == DB_OK)
        *count = keep(ids, *count, result, those_found);
    db_result_free(result);
    buffer_done(&sql);
    row_list_done(&rows);
    return status;
}

/* Keeps the ids that are due and that a claim would pass over. */
static enum db_status keep_locked(struct db *db, uint64_t *ids, size_t *count, struct error *error)
{
    enum db_status status = transaction_begin(db, error);
    if (status != DB_OK)
        return status;
    status = filter_ids(db, ids, count, " FOR UPDATE SKIP LOCKED", false, error);
    enum db_status rolled_back = db_run(db, "ROLLBACK", status == DB_OK ? error : NULL);
    if (status == DB_OK)
        status = rolled_back;
    /* What was not found may have been claimed, or have ended, since the sample was taken. */
    if (status == DB_OK && *count > 0)
        status = filter_ids(db, ids, count, "", true, error);
    return status;
}

enum db_status queue_locked_count(struct db *db, const char *queue, uint32_t *ret_locked,
                                  struct error *error)
{
    struct error words;
    const struct timespec pause = clock_timespec(LOCK_PAUSE_US);
    uint64_t ids[PRIORITIES * LOCK_SAMPLE];
    size_t count = 0;

    enum db_status status = sample_due(db, queue, ids, &count, &words);
    for (int look = 0; look < 2 && count > 0 && status == DB_OK; look++) {
        if (look > 0)
            nanosleep(&pause, NULL);
        status = keep_locked(db, ids, &count, &words);
    }
    if (status == DB_LOST) {
        error_set(error, "%s", words.text);
        return status;
    }
    *ret_locked = status == DB_OK ? (uint32_t) count : 0;
    return DB_OK;
}
