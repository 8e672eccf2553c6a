#include "probe.h"

#include <assert.h>
#include <string.h>

#include "timestamp.h"

enum column { QUEUE, PRIORITY, NOW_US, WAIT_US, NEXT_RUN_AT_US };

/* attempts: a column that the index does not have. Without one both servers may read the index from
 * the first entry of the priority on, and what is deleted there and not purged with it, whatever
 * the lower bound says: by their statistics, which do not count the deleted, that is as cheap. */
static void append_look(struct db *db, struct buffer *sql, const struct probe_request *request,
                        size_t index, int priority)
{
    buffer_append_format(sql,
                         "(SELECT %zu, %d, CAST(UNIX_TIMESTAMP(NOW(6)) * 1000000 AS SIGNED),"
                         " TIMESTAMPDIFF(MICROSECOND, NOW(6), next_run_at),"
                         " CAST(UNIX_TIMESTAMP(next_run_at) * 1000000 AS SIGNED), attempts"
                         " FROM dueq_job FORCE INDEX (due) WHERE queue = ",
                         index, priority);
    db_append_quoted(db, sql, request->queue, strlen(request->queue));
    buffer_append_format(sql, " AND priority = %d", priority);
    if (request->after_us > 0) {
        buffer_append_text(sql, " AND next_run_at > ");
        timestamp_append(sql, request->after_us);
    } else if (request->from_us[priority] > 0) {
        buffer_append_text(sql, " AND next_run_at >= ");
        timestamp_append(sql, request->from_us[priority]);
    }
    buffer_append_text(sql, " ORDER BY next_run_at LIMIT 1)");
}

static void read_row(const struct db_result *result, struct probe *probe)
{
    int priority = (int) (db_u64(result, PRIORITY) % PRIORITIES);
    /* NULL: a date that is none. It sorts first and is put aside by the claim. */
    int64_t wait_us = db_i64(result, WAIT_US);

    probe->now_us = db_i64(result, NOW_US);
    probe->first_us[priority] = db_i64(result, NEXT_RUN_AT_US);
    if (wait_us <= 0) {
        probe->due[priority] = true;
        probe->any_due = true;
    } else if (wait_us < probe->next_us) {
        probe->next_us = wait_us;
        probe->next_priority = priority;
    }
}

enum db_status probe_queues(struct db *db, const struct probe_request *requests, size_t count,
                            struct probe *ret_probes, struct error *error)
{
    struct buffer sql = { 0 };
    struct db_result *result = NULL;

    assert(count > 0 && count <= PROBE_QUEUES_MAX);
    for (size_t i = 0; i < count; i++)
        for (int priority = 0; priority < PRIORITIES; priority++) {
            if (sql.len > 0)
                buffer_append_text(&sql, " UNION ALL ");
            append_look(db, &sql, &requests[i], i, priority);
        }
    enum db_status status = db_query_buffer(db, &sql, &result, error);
    if (status == DB_OK) {
        for (size_t i = 0; i < count; i++)
            ret_probes[i] = (struct probe){ .next_us = INT64_MAX };
        while (db_result_next(result))
            read_row(result, &ret_probes[db_u64(result, QUEUE) % count]);
    }
    db_result_free(result);
    buffer_done(&sql);
    return status;
}
