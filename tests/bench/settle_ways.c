#include "settle_ways.h"

#include <string.h>

#include "database.h"
#include "id_list.h"

#define JOIN_JOBS " STRAIGHT_JOIN dueq_job j FORCE INDEX (PRIMARY) ON j.id = t.id"
#define SET_LEASE                                                                                  \
    " SET j.lease = 281474976710657, j.attempts = j.attempts + 1,"                                 \
    " j.next_run_at = NOW(6) + INTERVAL 60 SECOND"

/* Executes batch->sql; how many rows it changed. */
static long change(struct batch *batch)
{
    database_execute_buffer(batch->mysql, &batch->sql);
    return (long) mysql_affected_rows(batch->mysql);
}

static long fenced_rows(struct batch *batch)
{
    long rows = 0;
    MYSQL_RES *result = database_query(batch->mysql, batch->sql.bytes, batch->sql.len);
    while (mysql_fetch_row(result))
        rows++;
    mysql_free_result(result);
    buffer_clear(&batch->sql);
    return rows;
}

static void append_in_list(struct batch *batch)
{
    buffer_append_text(&batch->sql, " IN (");
    id_list_append_values(&batch->sql, batch->ids, (size_t) batch->count);
    buffer_append_char(&batch->sql, ')');
}

static long delete_joined(struct batch *batch)
{
    buffer_append_text(&batch->sql, "DELETE j FROM ");
    id_list_append_table(&batch->sql, batch->ids, (size_t) batch->count);
    buffer_append_text(&batch->sql, JOIN_JOBS);
    return change(batch);
}

static long delete_joined_flat(struct batch *batch)
{
    buffer_append_text(&batch->sql, "DELETE j FROM JSON_TABLE('[");
    id_list_append_values(&batch->sql, batch->ids, (size_t) batch->count);
    buffer_append_text(&batch->sql,
                       "]', '$[*]' COLUMNS (id BIGINT UNSIGNED PATH '$')) t" JOIN_JOBS);
    return change(batch);
}

static long delete_joined_values(struct batch *batch)
{
    bool mariadb = strstr(mysql_get_server_info(batch->mysql), "MariaDB") != NULL;
    buffer_append_text(&batch->sql, mariadb ? "DELETE j FROM (WITH v (id) AS (VALUES "
                                            : "DELETE j FROM (VALUES ");
    for (long i = 0; i < batch->count; i++)
        buffer_append_format(&batch->sql, "%s%s(%llu)", i ? "," : "", mariadb ? "" : "ROW",
                             (unsigned long long) batch->ids[i]);
    buffer_append_text(&batch->sql,
                       mariadb ? ") SELECT id FROM v) t" JOIN_JOBS : ") AS t (id)" JOIN_JOBS);
    return change(batch);
}

/* The plan is the optimizer's choice: it scans where the batch is a sixth of the table or more. */
static long delete_listed(struct batch *batch)
{
    buffer_append_text(&batch->sql, "DELETE FROM dueq_job WHERE id");
    append_in_list(batch);
    return change(batch);
}

/* The plan is given: only the form for several tables takes an index by name on both servers. */
static long delete_listed_forced(struct batch *batch)
{
    buffer_append_text(&batch->sql, "DELETE j FROM dueq_job j FORCE INDEX (PRIMARY) WHERE j.id");
    append_in_list(batch);
    return change(batch);
}

static long delete_one_by_one(struct batch *batch)
{
    long rows = 0;
    for (long i = 0; i < batch->count; i++)
        rows += prepared_run(batch->prepared, &batch->ids[i]);
    return rows;
}

const struct way *delete_ways(void)
{
    static const struct way ways[] = {
        { "DELETE j FROM JSON_TABLE(...) STRAIGHT_JOIN dueq_job j", NULL, delete_joined },
        { "the same of a flat array, '$'", NULL, delete_joined_flat },
        { "the same of VALUES ROW(...), ...", NULL, delete_joined_values },
        { "DELETE ... WHERE id IN (...)", NULL, delete_listed },
        { "DELETE j ... FORCE INDEX (PRIMARY) WHERE j.id IN (...)", NULL, delete_listed_forced },
        { "DELETE ... WHERE id = ?, prepared, row by row", "DELETE FROM dueq_job WHERE id = ?",
          delete_one_by_one },
        { NULL, NULL, NULL },
    };
    return ways;
}

/* Two statements, as src/queue/{fence,job_rows}.c do. */
static long fence_then_delete(struct batch *batch)
{
    buffer_append_text(&batch->sql, "SELECT j.id, j.lease, j.attempts FROM (SELECT * FROM ");
    id_list_append_fences(&batch->sql, batch->ids, (size_t) batch->count, STATEMENTS_LEASE,
                          STATEMENTS_ATTEMPT);
    buffer_append_text(&batch->sql, ") t" JOIN_JOBS " WHERE j.lease = t.lease"
                                    " AND j.attempts = t.attempt FOR UPDATE SKIP LOCKED");
    fenced_rows(batch);
    return delete_joined(batch);
}

static long fence_then_delete_listed(struct batch *batch)
{
    buffer_append_text(&batch->sql, "SELECT id, lease, attempts FROM dueq_job"
                                    " FORCE INDEX (PRIMARY) WHERE id");
    append_in_list(batch);
    buffer_append_text(&batch->sql, " FOR UPDATE SKIP LOCKED");
    fenced_rows(batch);
    return delete_listed_forced(batch);
}

static long delete_fenced_joined(struct batch *batch)
{
    buffer_append_text(&batch->sql, "DELETE j FROM ");
    id_list_append_fences(&batch->sql, batch->ids, (size_t) batch->count, STATEMENTS_LEASE,
                          STATEMENTS_ATTEMPT);
    buffer_append_text(&batch->sql,
                       JOIN_JOBS " WHERE j.lease = t.lease AND j.attempts = t.attempt");
    return change(batch);
}

/* One claim's jobs share the token, and those of one attempt the number: a statement for each. */
static long delete_fenced_listed(struct batch *batch)
{
    buffer_append_text(&batch->sql, "DELETE j FROM dueq_job j FORCE INDEX (PRIMARY) WHERE j.id");
    append_in_list(batch);
    buffer_append_format(&batch->sql, " AND j.lease = %llu AND j.attempts = %d",
                         (unsigned long long) STATEMENTS_LEASE, STATEMENTS_ATTEMPT);
    return change(batch);
}

static long delete_fenced_one_by_one(struct batch *batch)
{
    long rows = 0;
    for (long i = 0; i < batch->count; i++) {
        const uint64_t values[] = { batch->ids[i], STATEMENTS_LEASE, STATEMENTS_ATTEMPT };
        rows += prepared_run(batch->prepared, values);
    }
    return rows;
}

const struct way *fence_ways(void)
{
    static const struct way ways[] = {
        { "fence SELECT ... SKIP LOCKED, then DELETE, both joined", NULL, fence_then_delete },
        { "fence SELECT, then DELETE, both IN (...) by PRIMARY", NULL, fence_then_delete_listed },
        { "one fenced DELETE, joined", NULL, delete_fenced_joined },
        { "one fenced DELETE ... IN (...) AND lease = ... AND attempts = ...", NULL,
          delete_fenced_listed },
        { "one fenced DELETE, prepared, row by row",
          "DELETE FROM dueq_job WHERE id = ? AND lease = ? AND attempts = ?",
          delete_fenced_one_by_one },
        { NULL, NULL, NULL },
    };
    return ways;
}

static long lease_joined(struct batch *batch)
{
    buffer_append_text(&batch->sql, "UPDATE ");
    id_list_append_table(&batch->sql, batch->ids, (size_t) batch->count);
    buffer_append_text(&batch->sql, JOIN_JOBS SET_LEASE);
    return change(batch);
}

static long lease_listed(struct batch *batch)
{
    buffer_append_text(&batch->sql,
                       "UPDATE dueq_job j FORCE INDEX (PRIMARY)" SET_LEASE " WHERE j.id");
    append_in_list(batch);
    return change(batch);
}

const struct way *lease_ways(void)
{
    static const struct way ways[] = {
        { "UPDATE JSON_TABLE(...) STRAIGHT_JOIN dueq_job j", NULL, lease_joined },
        { "UPDATE ... FORCE INDEX (PRIMARY) ... WHERE id IN (...)", NULL, lease_listed },
        { NULL, NULL, NULL },
    };
    return ways;
}
