#include "fence.h"

#include <stdlib.h>

#include "row_list.h"

static const char *const columns[] = { "id BIGINT UNSIGNED", "lease BIGINT UNSIGNED",
                                       "attempt INT UNSIGNED" };

static int by_id(const void *a, const void *b)
{
    const struct fence *x = a, *y = b;
    return x->id < y->id ? -1 : x->id > y->id;
}

/* Marks the unknown entries among `fences` (sorted by id) whose id is in the result. */
static void mark(struct fence *fences, size_t count, struct db_result *result,
                 enum fence_state state)
{
    while (db_result_next(result)) {
        const struct fence key = { .id = db_u64(result, 0) };
        struct fence *fence = bsearch(&key, fences, count, sizeof *fences, by_id);
        if (fence && fence->state == FENCE_UNKNOWN)
            fence->state = state;
    }
}

static enum db_status select_ours(struct db *db, struct fence *fences, size_t count,
                                  const char *locking, enum fence_state state, struct error *error)
{
    struct row_list rows = { 0 };
    struct buffer sql = { 0 };
    struct db_result *result = NULL;
    enum db_status status = DB_OK;

    for (size_t i = 0; i < count; i++) {
        if (fences[i].state != FENCE_UNKNOWN)
            continue;
        row_list_next(&rows);
        row_list_u64(&rows, fences[i].id);
        row_list_u64(&rows, fences[i].lease);
        row_list_u64(&rows, fences[i].attempt);
    }
    if (rows.rows > 0) {
        buffer_append_text(&sql, "SELECT j.id FROM ");
        row_list_append(&rows, db, &sql, columns, 3);
        buffer_append_text(&sql, " STRAIGHT_JOIN dueq_job j FORCE INDEX (PRIMARY) ON j.id = t.id"
                                 " WHERE j.lease = t.lease AND j.attempts = t.attempt");
        buffer_append_text(&sql, locking);
        status = db_query_buffer(db, &sql, &result, error);
        if (status == DB_OK)
            mark(fences, count, result, state);
    }
    db_result_free(result);
    buffer_done(&sql);
    row_list_done(&rows);
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
    qsort(fences, count, sizeof *fences, by_id);
    enum db_status status = select_ours(db, fences, count, " FOR UPDATE SKIP LOCKED", FENCE_HELD,
                                        error);
    /* What was skipped is either no longer ours or locked; a plain read can still see which. */
    if (status == DB_OK)
        status = select_ours(db, fences, count, "", FENCE_LOCKED, error);
    if (status == DB_OK)
        settle_unknown(fences, count);
    return status;
}

enum db_status fence_read(struct db *db, struct fence *fences, size_t count, struct error *error)
{
    qsort(fences, count, sizeof *fences, by_id);
    enum db_status status = select_ours(db, fences, count, "", FENCE_HELD, error);
    if (status == DB_OK)
        settle_unknown(fences, count);
    return status;
}
