#include "queue_control.h"

#include <stdio.h>
#include <stdlib.h>

enum db_status queue_control_read(struct db *db, struct queue_control **ret_controls,
                                  size_t *ret_count, struct error *error)
{
    static const char sql[] = "SELECT queue, paused OR concurrency <=> 0 OR rate <=> 0,"
                              " concurrency, rate FROM dueq_queue";
    struct db_result *result;

    enum db_status status = db_query(db, sql, sizeof sql - 1, &result, error);
    if (status != DB_OK)
        return status;
    size_t rows = db_result_rows(result), count = 0;
    struct queue_control *controls = calloc(rows + 1, sizeof *controls);
    if (!controls) {
        db_result_free(result);
        error_set(error, "out of memory");
        return DB_FATAL;
    }
    while (db_result_next(result)) {
        struct queue_control *control = &controls[count++];
        snprintf(control->queue, sizeof control->queue, "%s", db_text(result, 0, NULL));
        control->paused = db_u64(result, 1) != 0;
        control->concurrency = (uint32_t) db_u64(result, 2);
        control->rate = (uint32_t) db_u64(result, 3);
    }
    db_result_free(result);
    *ret_controls = controls;
    *ret_count = count;
    return DB_OK;
}
