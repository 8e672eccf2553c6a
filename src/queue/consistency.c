#include "consistency.h"

#include <inttypes.h>

enum { CHUNK = 5000, SAMPLES = 5 };

/* What is wrong in one way: how often, and where, for example. */
struct suspicion {
    uint64_t count;
    uint64_t ids[SAMPLES];
    size_t id_count;
};

/* sql: ids, one a row. */
static enum db_status gather(struct db *db, const struct buffer *sql, struct suspicion *suspicion,
                             struct error *error)
{
    struct db_result *result;
    enum db_status status = db_query_buffer(db, sql, &result, error);
    if (status != DB_OK)
        return status;
    suspicion->count += db_result_rows(result);
    while (suspicion->id_count < SAMPLES && db_result_next(result))
        suspicion->ids[suspicion->id_count++] = db_u64(result, 0);
    db_result_free(result);
    return DB_OK;
}

static void report(struct check_findings *findings, const char *name, enum check_level level,
                   const struct suspicion *suspicion, const char *good, const char *bad)
{
    struct buffer ids = { 0 };

    if (suspicion->count == 0) {
        check_findings_add(findings, name, CHECK_OK, "%s", good);
        return;
    }
    for (size_t i = 0; i < suspicion->id_count; i++)
        buffer_append_format(&ids, "%s%" PRIu64, i ? ", " : "", suspicion->ids[i]);
    check_findings_add(findings, name, level, "%" PRIu64 " %s: %s%s", suspicion->count, bad,
                       ids.failed ? "" : ids.bytes,
                       suspicion->count > suspicion->id_count ? ", …" : "");
    buffer_done(&ids);
}

static enum db_status check_one(struct db *db, struct check_findings *findings, const char *name,
                                const char *sql, const char *good, const char *bad,
                                struct error *error)
{
    struct suspicion suspicion = { 0 };
    struct buffer text = { 0 };
    buffer_append_text(&text, sql);
    enum db_status status = gather(db, &text, &suspicion, error);
    buffer_done(&text);
    if (status == DB_OK)
        report(findings, name, CHECK_FAILURE, &suspicion, good, bad);
    return status;
}

/* Every attempt that failed has said why: as far as rows of dueq_error are that old. */
static void append_errors_missing(struct buffer *sql, const char *id, const char *failed,
                                  const char *created_at, int64_t keep_errors_us)
{
    buffer_append_format(sql,
                         " %s > NOW(6) - INTERVAL %" PRId64 " MICROSECOND AND %s > (SELECT"
                         " COUNT(DISTINCT e.attempt) FROM dueq_error e WHERE e.job_id = %s AND"
                         " e.attempt <= %s)",
                         created_at, keep_errors_us, failed, id, failed);
}

static enum db_status check_errors_of_dead(struct db *db, int64_t keep_errors_us,
                                           struct check_findings *findings, struct error *error)
{
    struct suspicion suspicion = { 0 };
    struct buffer sql = { 0 };

    buffer_append_text(&sql, "SELECT d.id FROM dueq_dead d WHERE d.attempts > 0 AND d.reason IN"
                             " ('handler', 'exhausted', 'expired', 'crashed') AND");
    append_errors_missing(&sql, "d.id", "d.attempts", "d.created_at", keep_errors_us);
    enum db_status status = gather(db, &sql, &suspicion, error);
    buffer_done(&sql);
    if (status == DB_OK)
        report(findings, "errors-of-dead", CHECK_FAILURE, &suspicion,
               "every failed attempt of the dead has its error",
               "dead letters have fewer errors than failed attempts, jobs");
    return status;
}

/* The last row of the next piece of dueq_job; 0: there are no more. */
static enum db_status next_chunk(struct db *db, uint64_t after, uint64_t *ret_last,
                                 struct error *error)
{
    struct buffer sql = { 0 };
    buffer_append_format(&sql,
                         "SELECT MAX(id) FROM (SELECT id FROM dueq_job WHERE id > %" PRIu64
                         " ORDER BY id LIMIT %d) piece",
                         after, CHUNK);
    *ret_last = 0;
    enum db_status status = sql.failed ? DB_FATAL : db_query_u64(db, sql.bytes, ret_last, error);
    buffer_done(&sql);
    return status == DB_NO_ROW ? DB_OK : status;
}

struct living {
    struct suspicion errors, spent, forgotten;
};

/* An attempt that is under way has not failed yet; nor is one to be counted that an expired lease
 * stands for, until it is claimed again. */
static enum db_status check_chunk(struct db *db, uint64_t after, uint64_t last,
                                  int64_t keep_errors_us, struct living *living,
                                  struct error *error)
{
    struct buffer sql = { 0 };

    buffer_append_format(&sql,
                         "SELECT j.id FROM dueq_job j WHERE j.id > %" PRIu64 " AND j.id <= %" PRIu64
                         " AND j.attempts > 0 AND",
                         after, last);
    append_errors_missing(&sql, "j.id",
                          "CAST(j.attempts AS SIGNED) - IF(COALESCE(j.lease, 0) > 1, 1, 0)",
                          "j.created_at", keep_errors_us);
    enum db_status status = gather(db, &sql, &living->errors, error);
    buffer_clear(&sql);
    buffer_append_format(&sql,
                         "SELECT id FROM dueq_job WHERE id > %" PRIu64 " AND id <= %" PRIu64
                         " AND lease IS NULL AND attempts > 0 AND attempts >= max_attempts",
                         after, last);
    if (status == DB_OK)
        status = gather(db, &sql, &living->spent, error);
    buffer_clear(&sql);
    buffer_append_format(&sql,
                         "SELECT id FROM dueq_job WHERE id > %" PRIu64 " AND id <= %" PRIu64
                         " AND lease > 1 AND next_run_at < NOW(6) - INTERVAL 1 MINUTE",
                         after, last);
    if (status == DB_OK)
        status = gather(db, &sql, &living->forgotten, error);
    buffer_done(&sql);
    return status;
}

static enum db_status check_living(struct db *db, int64_t keep_errors_us,
                                   struct check_findings *findings, struct error *error)
{
    struct living living = { 0 };
    uint64_t after = 0, last;

    for (;; after = last) {
        enum db_status status = next_chunk(db, after, &last, error);
        if (status == DB_OK && last > 0)
            status = check_chunk(db, after, last, keep_errors_us, &living, error);
        if (status != DB_OK)
            return status;
        if (last == 0)
            break;
    }
    report(findings, "errors-of-living", CHECK_FAILURE, &living.errors,
           "every failed attempt of the living has its error",
           "jobs have fewer errors than failed attempts");
    report(findings, "attempts", CHECK_FAILURE, &living.spent,
           "no job waits that has had all its attempts",
           "jobs wait although they have had all their attempts");
    report(
        findings, "expired-leases", CHECK_WARNING, &living.forgotten,
        "no lease has been over for more than a minute",
        "jobs have leases that ended over a minute ago, and no daemon takes them up (is one there "
        "for their queues?)");
    return DB_OK;
}

enum db_status consistency_check(struct db *db, int64_t keep_errors_us,
                                 struct check_findings *findings, struct error *error)
{
    enum db_status status = check_one(db, findings, "living-and-dead",
                                      "SELECT d.id FROM dueq_dead d JOIN dueq_job j ON j.id = d.id",
                                      "no job is both alive and dead",
                                      "jobs are both alive and dead", error);
    if (status == DB_OK)
        status = check_one(db, findings, "dead-twice",
                           "SELECT id FROM dueq_dead GROUP BY id HAVING COUNT(*) > 1",
                           "no job is dead twice", "jobs are dead twice", error);
    if (status == DB_OK)
        status = check_errors_of_dead(db, keep_errors_us, findings, error);
    if (status == DB_OK)
        status = check_living(db, keep_errors_us, findings, error);
    return status;
}
