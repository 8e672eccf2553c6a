#include "worker_list.h"

enum db_status worker_list_read(struct db *db, struct arena *arena,
                                struct worker_view **ret_workers, size_t *ret_count,
                                struct error *error)
{
    static const char sql[] =
        "SELECT worker_id, name, version, " ROW_TIME_US("started_at") ", " ROW_TIME_US(
            "seen_at") ", " ROW_TIME_US("NOW(6)") ", status FROM dueq_worker ORDER BY worker_id";
    struct db_result *result;
    size_t count = 0;

    enum db_status status = db_query(db, sql, sizeof sql - 1, &result, error);
    if (status != DB_OK) {
        error_prefix(error, "listing workers");
        return status;
    }
    struct worker_view *workers = arena_alloc(arena,
                                              (db_result_rows(result) + 1) * sizeof *workers);
    bool failed = !workers;
    while (!failed && db_result_next(result)) {
        struct worker_view *worker = &workers[count++];
        *worker = (struct worker_view){
            .worker_id = db_u64(result, 0),
            .name = row_text_copy(result, 1, arena, &failed),
            .version = row_text_copy(result, 2, arena, &failed),
            .started_at_us = db_i64(result, 3),
            .seen_at_us = db_i64(result, 4),
            .now_us = db_i64(result, 5),
            .status = row_text_copy(result, 6, arena, &failed),
        };
        worker->stale = worker->now_us - worker->seen_at_us > WORKER_STALE_US;
    }
    db_result_free(result);
    if (failed) {
        error_set(error, "out of memory");
        return DB_FATAL;
    }
    *ret_workers = workers;
    *ret_count = count;
    return DB_OK;
}
