#include "probe.h"

#include <string.h>

enum db_status probe_queue(struct db *db, const char *queue, struct probe *ret_probe,
                           struct error *error)
{
    struct buffer sql = { 0 };
    struct db_result *result = NULL;

    for (int priority = 0; priority < PRIORITIES; priority++) {
        buffer_append_format(&sql,
                             "%s(SELECT %d, TIMESTAMPDIFF(MICROSECOND, NOW(6), next_run_at)"
                             " FROM dueq_job FORCE INDEX (due) WHERE queue = ",
                             priority ? " UNION ALL " : "", priority);
        db_append_quoted(db, &sql, queue, strlen(queue));
        buffer_append_format(&sql, " AND priority = %d ORDER BY next_run_at LIMIT 1)", priority);
    }
    enum db_status status = db_query_buffer(db, &sql, &result, error);
    if (status == DB_OK) {
        struct probe probe = { .next_us = INT64_MAX };
        while (db_result_next(result)) {
            uint64_t priority = db_u64(result, 0);
            /* NULL: a date that is none. It sorts first and is put aside by the claim. */
            int64_t wait_us = db_i64(result, 1);
            if (wait_us <= 0) {
                probe.due[priority % PRIORITIES] = true;
                probe.any_due = true;
            } else if (wait_us < probe.next_us) {
                probe.next_us = wait_us;
            }
        }
        *ret_probe = probe;
    }
    db_result_free(result);
    buffer_done(&sql);
    return status;
}
