#include "fence.h"

#include <stdbool.h>
#include <stdlib.h>

#include "row_list.h"

static const char *const columns[] = { "id BIGINT UNSIGNED", "lease BIGINT UNSIGNED",
                                       "attempt INT UNSIGNED", "due_at_us BIGINT" };

static int compare(uint64_t a, uint64_t b)
{
    return a < b ? -1 : a > b;
}

/* By all three: two attempts of one id, the older of them fenced, may come in one batch. */
static int by_id_and_attempt(const void *a, const void *b)
{
    const struct fence *x = a, *y = b;
    int order = compare(x->id, y->id);
    if (order == 0)
        order = compare(x->lease, y->lease);
    return order ? order : compare(x->attempt, y->attempt);
}

struct fence *fence_find(struct fence *fences, size_t count, uint64_t id, uint64_t lease,
                         uint32_t attempt)
{
    const struct fence key = { .id = id, .lease = lease, .attempt = attempt };
    return bsearch(&key, fences, count, sizeof *fences, by_id_and_attempt);
}

/* Marks the unknown entries among `fences` (sorted) that the result has. */
static void mark(struct fence *fences, size_t count, struct db_result *result,
                 enum fence_state state)
{
    while (db_result_next(result)) {
        struct fence *fence = fence_find(fences, count, db_u64(result, 0), db_u64(result, 1),
                                         (uint32_t) db_u64(result, 2));
        if (fence && fence->state == FENCE_UNKNOWN)
            fence->state = state;
    }
}

/* Leased rows alone: what the row says is compared here. One that is not ours any more is locked
 * for the moment of this transaction, as one that is. */
static void append_leased(struct buffer *sql, const struct fence *fences, size_t count)
{
    size_t rows = 0;
    uint64_t *ids = calloc(count, sizeof *ids);

    for (size_t i = 0; ids && i < count; i++)
        if (fences[i].state == FENCE_UNKNOWN)
            ids[rows++] = fences[i].id;
    buffer_append_text(sql, "SELECT j.id, j.lease, j.attempts FROM (SELECT * FROM ");
    row_list_append_ids(sql, ids, rows);
    buffer_append_text(sql, ") t STRAIGHT_JOIN dueq_job j FORCE INDEX (PRIMARY) ON j.id = t.id");
    sql->failed |= !ids;
    free(ids);
}

/* Free rows too. Of those, the attempt that was begun and is not charged is the next one. */
static void append_any(struct buffer *sql, struct db *db, const struct fence *fences, size_t count)
{
    struct row_list rows = { 0 };

    for (size_t i = 0; i < count; i++) {
        if (fences[i].state != FENCE_UNKNOWN)
            continue;
        row_list_next(&rows);
        row_list_u64(&rows, fences[i].id);
        row_list_u64(&rows, fences[i].lease);
        row_list_u64(&rows, fences[i].attempt);
        row_list_i64(&rows, fences[i].due_at_us);
    }
    buffer_append_text(sql, "SELECT j.id, j.lease, j.attempts + (j.lease IS NULL) FROM ");
    row_list_append_locking(&rows, db, sql, columns, 4);
    buffer_append_text(
        sql, " STRAIGHT_JOIN dueq_job j FORCE INDEX (PRIMARY) ON j.id = t.id"
             " WHERE (j.lease = t.lease AND j.attempts = t.attempt) OR (t.lease = 0 AND j.lease IS"
             " NULL AND j.attempts + 1 = t.attempt"
             " AND CAST(UNIX_TIMESTAMP(j.next_run_at) * 1000000 AS SIGNED) = t.due_at_us)");
    row_list_done(&rows);
}

static enum db_status select_ours(struct db *db, struct fence *fences, size_t count,
                                  const char *locking, enum fence_state state, struct error *error)
{
    struct buffer sql = { 0 };
    struct db_result *result = NULL;
    bool any = false, any_free = false;

    for (size_t i = 0; i < count; i++) {
        if (fences[i].state != FENCE_UNKNOWN)
            continue;
        any = true;
        any_free = any_free || !fences[i].lease;
    }
    if (!any)
        return DB_OK;
    if (any_free)
        append_any(&sql, db, fences, count);
    else
        append_leased(&sql, fences, count);
    buffer_append_text(&sql, locking);
    enum db_status status = db_query_buffer(db, &sql, &result, error);
    if (status == DB_OK)
        mark(fences, count, result, state);
    db_result_free(result);
    buffer_done(&sql);
    return status;
}

static void settle_unknown(struct fence *fences, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (fences[i].state == FENCE_UNKNOWN)
            fences[i].state = FENCE_LOST;
}

enum db_status fence_lock(struct db *db, struct fence *fences, size_t count, struct error *error)
{
    qsort(fences, count, sizeof *fences, by_id_and_attempt);
    enum db_status status = select_ours(db, fences, count, " FOR UPDATE SKIP LOCKED", FENCE_HELD,
                                        error);
    /* What was skipped, or not even tried, is either no longer ours or locked; a plain read can
     * still see which. */
    for (size_t i = 0; i < count; i++)
        if (fences[i].state == FENCE_LOCKED)
            fences[i].state = FENCE_UNKNOWN;
    if (status == DB_OK)
        status = select_ours(db, fences, count, "", FENCE_LOCKED, error);
    if (status == DB_OK)
        settle_unknown(fences, count);
    return status;
}

enum db_status fence_read(struct db *db, struct fence *fences, size_t count, struct error *error)
{
    qsort(fences, count, sizeof *fences, by_id_and_attempt);
    enum db_status status = select_ours(db, fences, count, "", FENCE_HELD, error);
    if (status == DB_OK)
        settle_unknown(fences, count);
    return status;
}
