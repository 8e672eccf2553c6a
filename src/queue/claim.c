#include "claim.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "timestamp.h"
#include "transaction.h"

enum {
    /* A payload of up to so many characters comes with its row; a longer one is fetched by itself,
     * so that a batch of large ones cannot fill the memory. */
    INLINE_PAYLOAD = 16 * 1024,
    MAX_HEADERS = 64 * 1024,
    PACKET_MARGIN = 4096, /* what a row has besides its payload and headers, generously */
};

enum column {
    ID,
    KIND,
    PAYLOAD,
    PAYLOAD_LEN,
    HEADERS,
    HEADERS_LEN,
    HEADERS_VALID,
    STATE,
    ATTEMPTS,
    MAX_ATTEMPTS,
    RETRY,
    LEASE,
    UNIQUE_KEY,
    CREATED_AT,
    NEXT_RUN_AT,
    NOW,
};

static void append_select(struct db *db, struct buffer *sql, const struct claim_request *request)
{
    /* In MySQL a JSON column holds nothing else. */
    static const char ask[] = "IF(OCTET_LENGTH(headers) <= 65536, JSON_VALID(headers), 1)";
    _Static_assert(MAX_HEADERS == 65536, "as `ask` says");
    const char *valid = db_is_mariadb(db) ? ask : "1";

    buffer_append_format(
        sql,
        "SELECT id, kind, LEFT(payload, %d), OCTET_LENGTH(payload),"
        " IF(OCTET_LENGTH(headers) <= %d, headers, NULL), OCTET_LENGTH(headers),"
        " %s, state + 0,"
        " attempts, max_attempts, retry, lease, unique_key, created_at, next_run_at, NOW(6)"
        " FROM dueq_job FORCE INDEX (due) WHERE queue = ",
        INLINE_PAYLOAD, MAX_HEADERS, valid);
    db_append_quoted(db, sql, request->queue, strlen(request->queue));
    buffer_append_format(sql, " AND priority = %u AND next_run_at ", request->priority);
    if (request->at_us > 0) {
        buffer_append_text(sql, "= ");
        timestamp_append(sql, request->at_us);
        buffer_append_text(sql, " AND next_run_at <= NOW(6)");
    } else if (request->from_us > 0) {
        buffer_append_text(sql, "BETWEEN ");
        timestamp_append(sql, request->from_us);
        buffer_append_text(sql, " AND NOW(6)");
    } else {
        buffer_append_text(sql, "<= NOW(6)");
    }
    buffer_append_format(sql, " ORDER BY next_run_at, id LIMIT %u FOR UPDATE SKIP LOCKED",
                         request->limit);
}

void claim_append_explain(struct db *db, struct buffer *sql, const struct claim_request *request)
{
    buffer_append_text(sql, "EXPLAIN FORMAT=TRADITIONAL ");
    append_select(db, sql, request);
}

/* NULL for SQL NULL, and sets *ret_failed when there is no memory. */
static const char *copy_text(const struct db_result *result, unsigned column, struct arena *arena,
                             size_t *ret_len, bool *ret_failed)
{
    size_t len;
    const char *text = db_text(result, column, &len);
    if (ret_len)
        *ret_len = len;
    if (!text)
        return NULL;
    const char *copy = arena_copy(arena, text, len);
    if (!copy)
        *ret_failed = true;
    return copy;
}

/* NULL: it has not come with its row, or not the whole of it. */
static const char *copy_payload(const struct db_result *result, size_t whole, struct arena *arena,
                                bool *ret_failed)
{
    size_t len;
    return db_text(result, PAYLOAD, &len) && len == whole
               ? copy_text(result, PAYLOAD, arena, NULL, ret_failed)
               : NULL;
}

static void condemn(struct claimed *item, struct arena *arena, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void condemn(struct claimed *item, struct arena *arena, const char *format, ...)
{
    char text[256];
    va_list args;
    va_start(args, format);
    int len = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    const char *message = len > 0 ? arena_copy(arena, text, strlen(text)) : NULL;
    item->verdict = CLAIM_DEAD;
    item->reason = DEAD_INVALID;
    item->message = message ? message : "the row fits no rule";
}

/* The rows no rule fits. They must not block the others, nor be run. The constraints of the table
 * can be off for who writes, but not for us: no UPDATE of such a row goes through, and none of the
 * rows that are claimed with it. */
static void check_row(struct claimed *item, const struct db_result *result, struct db *db,
                      struct arena *arena)
{
    const struct job *job = &item->job;
    uint64_t limit = db_max_packet(db) - PACKET_MARGIN;

    if (job->state != JOB_READY && job->state != JOB_PREPARED)
        condemn(item, arena, "state is neither 'ready' nor 'prepared'");
    else if (job->kind && !*job->kind)
        condemn(item, arena, "kind is empty");
    else if (!db_u64(result, HEADERS_VALID))
        condemn(item, arena, "headers are no JSON, and are left out here");
    else if (job->due_at_us <= 0)
        condemn(item, arena,
                "next_run_at is no date (0000-00-00): INSERT IGNORE makes that of a bad one");
    else if (db_u64(result, HEADERS_LEN) > MAX_HEADERS)
        condemn(item, arena, "headers have %llu bytes, and may have %d",
                (unsigned long long) db_u64(result, HEADERS_LEN), MAX_HEADERS);
    else if (job->payload_len > limit)
        condemn(item, arena,
                "the payload has %zu bytes, and max_allowed_packet of the server lets %llu "
                "through: raise it, "
                "then redrive",
                job->payload_len, (unsigned long long) limit);
}

static bool read_row(const struct db_result *result, struct db *db, struct arena *arena,
                     uint8_t priority, struct claimed *item)
{
    struct job *job = &item->job;
    bool failed = false;

    *item = (struct claimed){ .verdict = CLAIM_RUN };
    job->id = db_u64(result, ID);
    job->priority = priority;
    job->kind = copy_text(result, KIND, arena, NULL, &failed);
    job->payload_len = (size_t) db_u64(result, PAYLOAD_LEN);
    job->payload = copy_payload(result, job->payload_len, arena, &failed);
    job->headers = copy_text(result, HEADERS, arena, &job->headers_len, &failed);
    uint64_t state = db_u64(result, STATE);
    job->state = state <= JOB_PREPARED ? (enum job_state) state : JOB_INVALID;
    job->attempts = (uint32_t) db_u64(result, ATTEMPTS);
    job->max_attempts = (uint32_t) db_u64(result, MAX_ATTEMPTS);
    job->retry = copy_text(result, RETRY, arena, NULL, &failed);
    job->expired_lease = db_u64(result, LEASE);
    job->unique_key = copy_text(result, UNIQUE_KEY, arena, &job->unique_key_len, &failed);
    job->created_at_us = timestamp_parse(db_text(result, CREATED_AT, NULL));
    job->due_at_us = timestamp_parse(db_text(result, NEXT_RUN_AT, NULL));
    job->claimed_at_us = timestamp_parse(db_text(result, NOW, NULL));
    check_row(item, result, db, arena);
    return !failed;
}

/* Reads the payload of a job whose row came without it. */
static enum db_status fetch_payload(struct db *db, struct arena *arena, struct job *job,
                                    struct error *error)
{
    struct buffer sql = { 0 };
    struct db_result *result;

    buffer_append_format(&sql, "SELECT payload FROM dueq_job WHERE id = %llu",
                         (unsigned long long) job->id);
    enum db_status status = db_query_buffer(db, &sql, &result, error);
    buffer_done(&sql);
    if (status != DB_OK)
        return status;
    size_t len = 0;
    const char *text = db_result_next(result) ? db_text(result, 0, &len) : NULL;
    job->payload = text ? arena_copy(arena, text, len) : NULL;
    job->payload_len = len;
    db_result_free(result);
    if (job->payload)
        return DB_OK;
    error_set(error, "out of memory for a payload of %zu bytes", len);
    return DB_FATAL;
}

/* The large payloads, as far as max_bytes goes; the jobs past it are released for the next claim.
 */
static enum db_status fetch_payloads(struct db *db, const struct claim_request *request,
                                     struct arena *arena, struct claim *claim, struct error *error)
{
    size_t bytes = 0;

    for (size_t i = 0; i < claim->count; i++) {
        struct claimed *item = &claim->items[i];
        if (item->verdict != CLAIM_RUN)
            continue;
        if (bytes > 0 && item->job.payload_len > request->max_bytes - bytes) {
            item->verdict = CLAIM_RELEASE;
            claim->full = true;
            continue;
        }
        bytes += item->job.payload_len < request->max_bytes ? item->job.payload_len
                                                            : request->max_bytes;
        if (item->job.payload)
            continue;
        enum db_status status = fetch_payload(db, arena, &item->job, error);
        if (status != DB_OK)
            return status;
    }
    return DB_OK;
}

static enum db_status read_rows(struct db *db, struct db_result *result,
                                const struct claim_request *request, struct arena *arena,
                                struct claim *claim, struct error *error)
{
    size_t rows = db_result_rows(result);

    claim->items = rows ? arena_alloc(arena, rows * sizeof *claim->items) : NULL;
    claim->count = 0;
    claim->full = rows >= request->limit;
    if (rows && !claim->items) {
        error_set(error, "out of memory for %zu jobs", rows);
        return DB_FATAL;
    }
    while (claim->count < rows && db_result_next(result)) {
        if (!read_row(result, db, arena, request->priority, &claim->items[claim->count])) {
            error_set(error, "out of memory for a job");
            return DB_FATAL;
        }
        claim->count++;
    }
    return DB_OK;
}

enum db_status claim_begin(struct db *db, const struct claim_request *request, struct arena *arena,
                           struct claim *ret_claim, struct error *error)
{
    struct buffer sql = { 0 };
    struct db_result *result = NULL;
    struct claim claim = { 0 };

    enum db_status status = transaction_begin(db, error);
    if (status != DB_OK)
        return status;
    append_select(db, &sql, request);
    status = db_query_buffer(db, &sql, &result, error);
    if (status == DB_OK)
        status = read_rows(db, result, request, arena, &claim, error);
    db_result_free(result);
    buffer_done(&sql);
    if (status == DB_OK)
        status = fetch_payloads(db, request, arena, &claim, error);
    if (status != DB_OK || claim.count == 0)
        status = transaction_end(db, status, NULL, error);
    if (status == DB_OK)
        *ret_claim = claim;
    return status;
}

enum db_status claim_cancel(struct db *db, struct error *error)
{
    return db_run(db, "ROLLBACK", error);
}
