#include "claim_ways.h"

#include "database.h"

#define SOURCE " FROM dueq_job FORCE INDEX (due) WHERE queue = 'default' AND priority = 5"
#define ORDER " ORDER BY next_run_at, id LIMIT "
#define LOCK " FOR UPDATE SKIP LOCKED"

#define RAW                                                                                        \
    "id, kind, payload, headers, state, attempts, max_attempts, retry, lease, unique_key,"         \
    " created_at, next_run_at"

static long claim(struct batch *batch, const char *columns)
{
    long rows = 0;

    buffer_append_format(&batch->sql,
                         "SELECT %s" SOURCE " AND next_run_at BETWEEN FROM_UNIXTIME(%lld.%06lld)"
                         " AND NOW(6)" ORDER "%ld" LOCK,
                         columns, (long long) (batch->from_us / 1000000),
                         (long long) (batch->from_us % 1000000), batch->count);
    MYSQL_RES *result = database_query(batch->mysql, batch->sql.bytes, batch->sql.len);
    while (mysql_fetch_row(result))
        rows++;
    mysql_free_result(result);
    buffer_clear(&batch->sql);
    return rows;
}

/* As src/queue/claim.c has sent it since the beginning. */
static long with_expressions(struct batch *batch)
{
    return claim(batch, "id, kind, IF(OCTET_LENGTH(payload) <= 65536, payload, NULL),"
                        " OCTET_LENGTH(payload), IF(OCTET_LENGTH(headers) <= 65536, headers, NULL),"
                        " OCTET_LENGTH(headers),"
                        " IF(OCTET_LENGTH(headers) <= 65536, JSON_VALID(headers), 1), state + 0,"
                        " attempts, max_attempts, retry, lease, unique_key,"
                        " CAST(UNIX_TIMESTAMP(created_at) * 1000000 AS SIGNED),"
                        " CAST(UNIX_TIMESTAMP(next_run_at) * 1000000 AS SIGNED),"
                        " CAST(UNIX_TIMESTAMP(NOW(6)) * 1000000 AS SIGNED)");
}

static long without_validation(struct batch *batch)
{
    return claim(batch, "id, kind, IF(OCTET_LENGTH(payload) <= 65536, payload, NULL),"
                        " OCTET_LENGTH(payload), headers, state, attempts, max_attempts, retry,"
                        " lease, unique_key,"
                        " CAST(UNIX_TIMESTAMP(created_at) * 1000000 AS SIGNED),"
                        " CAST(UNIX_TIMESTAMP(next_run_at) * 1000000 AS SIGNED)");
}

static long with_unix_times(struct batch *batch)
{
    return claim(batch, "id, kind, payload, headers, state, attempts, max_attempts, retry, lease,"
                        " unique_key, UNIX_TIMESTAMP(created_at), UNIX_TIMESTAMP(next_run_at)");
}

static long raw(struct batch *batch)
{
    return claim(batch, RAW);
}

/* What a payload that is cut on the server would cost, without its length asked for as well. */
static long raw_with_left(struct batch *batch)
{
    return claim(batch, "id, kind, LEFT(payload, 65537), headers, state, attempts, max_attempts,"
                        " retry, lease, unique_key, created_at, next_run_at");
}

static long raw_prepared(struct batch *batch)
{
    const uint64_t values[] = { (uint64_t) (batch->from_us / 1000000),
                                (uint64_t) (batch->from_us % 1000000), (uint64_t) batch->count };
    return prepared_run(batch->prepared, values);
}

static long ids_only(struct batch *batch)
{
    return claim(batch, "id");
}

const struct way *claim_ways(void)
{
    static const struct way ways[] = {
        { "with all expressions (JSON_VALID, lengths, times)", NULL, with_expressions },
        { "without JSON_VALID and the length of headers", NULL, without_validation },
        { "raw columns but UNIX_TIMESTAMP of the times", NULL, with_unix_times },
        { "raw columns but LEFT(payload, ...)", NULL, raw_with_left },
        { "raw columns only", NULL, raw },
        { "raw columns only, prepared (binary rows)",
          "SELECT " RAW SOURCE " AND next_run_at BETWEEN FROM_UNIXTIME(?) + INTERVAL ? MICROSECOND"
          " AND NOW(6)" ORDER "?" LOCK,
          raw_prepared },
        { "only the ids (no way to claim: what the locks alone cost)", NULL, ids_only },
        { NULL, NULL, NULL },
    };
    return ways;
}
