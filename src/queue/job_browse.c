#include "job_browse.h"

#include <string.h>

#include "kind_pattern.h"
#include "lease_token.h"
#include "probe.h"
#include "queue_names.h"

enum column {
    ID,
    QUEUE,
    KIND,
    STATE,
    PRIORITY,
    ATTEMPTS,
    MAX_ATTEMPTS,
    RETRY,
    LEASE,
    UNIQUE_KEY,
    ORDERING_KEY,
    HEADERS,
    PAYLOAD_LEN,
    NEXT_RUN_AT,
    CREATED_AT,
    NOW,
    PAYLOAD,
};

#define COLUMNS                                                                                    \
    "id, queue, kind, state, priority, attempts, max_attempts, retry, lease, unique_key,"          \
    " ordering_key, headers, OCTET_LENGTH(payload), " ROW_TIME_US("next_run_at") ", " ROW_TIME_US( \
        "created_at") ", " ROW_TIME_US("NOW(6)")

const char *job_phase_name(enum job_phase phase)
{
    static const char *const names[] = {
        [JOB_PHASE_DUE] = "due",
        [JOB_PHASE_DELAYED] = "delayed",
        [JOB_PHASE_RUNNING] = "running",
    };
    return names[phase];
}

static bool read_row(const struct db_result *result, struct arena *arena, struct job_view *job)
{
    bool failed = false;

    *job = (struct job_view){
        .id = db_u64(result, ID),
        .queue = row_text_copy(result, QUEUE, arena, &failed),
        .kind = row_text_copy(result, KIND, arena, &failed),
        .state = row_text_copy(result, STATE, arena, &failed),
        .priority = (uint8_t) db_u64(result, PRIORITY),
        .attempts = (uint32_t) db_u64(result, ATTEMPTS),
        .max_attempts = (uint32_t) db_u64(result, MAX_ATTEMPTS),
        .retry = row_text_copy(result, RETRY, arena, &failed),
        .lease = db_u64(result, LEASE),
        .unique_key = row_text_copy(result, UNIQUE_KEY, arena, &failed),
        .ordering_key = row_text_copy(result, ORDERING_KEY, arena, &failed),
        .headers = row_text_copy(result, HEADERS, arena, &failed),
        .payload_len = db_u64(result, PAYLOAD_LEN),
        .next_run_at_us = db_i64(result, NEXT_RUN_AT),
        .created_at_us = db_i64(result, CREATED_AT),
        .now_us = db_i64(result, NOW),
    };
    if (db_result_columns(result) > PAYLOAD)
        job->payload = row_text_copy(result, PAYLOAD, arena, &failed);
    job->worker_id = lease_token_worker(job->lease);
    job->phase = job->next_run_at_us <= job->now_us ? JOB_PHASE_DUE
                 : job->lease                       ? JOB_PHASE_RUNNING
                                                    : JOB_PHASE_DELAYED;
    return !failed;
}

/* Rows as they come, in an array that grows in the arena: what it leaves behind there is less than
 * what it ends with. */
struct job_array {
    struct job_view *items;
    size_t count, size;
};

static bool add_rows(struct db_result *result, struct arena *arena, struct job_array *jobs)
{
    size_t wanted = jobs->count + db_result_rows(result);
    if (wanted > jobs->size) {
        size_t size = wanted > jobs->size * 2 ? wanted : jobs->size * 2;
        struct job_view *items = arena_alloc(arena, size * sizeof *items);
        if (!items)
            return false;
        if (jobs->count)
            memcpy(items, jobs->items, jobs->count * sizeof *items);
        jobs->items = items;
        jobs->size = size;
    }
    while (jobs->count < wanted && db_result_next(result))
        if (!read_row(result, arena, &jobs->items[jobs->count++]))
            return false;
    return true;
}

/* A range over the index; what is neither queue, priority nor date is looked at in the row. */
static enum db_status list_priority(struct db *db, const char *queue, int priority,
                                    const struct job_filter *filter, struct arena *arena,
                                    struct job_array *jobs, struct error *error)
{
    struct buffer sql = { 0 };
    struct db_result *result = NULL;

    buffer_append_text(&sql, "SELECT " COLUMNS " FROM dueq_job FORCE INDEX (due) WHERE queue = ");
    db_append_quoted(db, &sql, queue, strlen(queue));
    buffer_append_format(&sql, " AND priority = %d", priority);
    if (filter->phase)
        buffer_append_text(&sql, *filter->phase == JOB_PHASE_DUE ? " AND next_run_at <= NOW(6)"
                                 : *filter->phase == JOB_PHASE_DELAYED ? " AND next_run_at > NOW(6)"
                                                                         " AND lease IS NULL"
                                                                       : " AND next_run_at > NOW(6)"
                                                                         " AND lease IS NOT NULL");
    kind_pattern_append(db, &sql, "kind", filter->kind);
    buffer_append_format(&sql, " ORDER BY next_run_at, id LIMIT %llu",
                         (unsigned long long) (filter->limit - jobs->count));
    enum db_status status = db_query_buffer(db, &sql, &result, error);
    if (status == DB_OK && !add_rows(result, arena, jobs)) {
        error_set(error, "out of memory");
        status = DB_FATAL;
    }
    db_result_free(result);
    buffer_done(&sql);
    return status;
}

enum db_status job_list(struct db *db, const struct job_filter *filter, struct arena *arena,
                        struct job_view **ret_jobs, size_t *ret_count, struct error *error)
{
    const char *const *queues = &filter->queue;
    size_t queue_count = 1;
    struct job_array jobs = { 0 };
    enum db_status status = DB_OK;

    if (!filter->queue)
        status = queue_names_read(db, arena, &queues, &queue_count, error);
    for (size_t i = 0; i < queue_count; i++)
        for (int priority = 0; priority < PRIORITIES; priority++)
            if (status == DB_OK && jobs.count < filter->limit)
                status = list_priority(db, queues[i], priority, filter, arena, &jobs, error);
    if (status != DB_OK) {
        error_prefix(error, "listing jobs");
        return status;
    }
    *ret_jobs = jobs.items;
    *ret_count = jobs.count;
    return DB_OK;
}

enum db_status job_show(struct db *db, uint64_t id, uint32_t payload_chars, struct arena *arena,
                        struct job_view *ret_job, struct error *error)
{
    struct buffer sql = { 0 };
    struct db_result *result = NULL;

    buffer_append_format(&sql,
                         "SELECT " COLUMNS ", LEFT(payload, %lu) FROM dueq_job WHERE id = %llu",
                         (unsigned long) payload_chars, (unsigned long long) id);
    enum db_status status = db_query_buffer(db, &sql, &result, error);
    if (status == DB_OK && !db_result_next(result))
        status = DB_NO_ROW;
    else if (status == DB_OK && !read_row(result, arena, ret_job)) {
        error_set(error, "out of memory");
        status = DB_FATAL;
    }
    db_result_free(result);
    buffer_done(&sql);
    return status;
}

enum db_status job_failures(struct db *db, uint64_t id, uint32_t limit, struct arena *arena,
                            struct job_failure **ret_failures, size_t *ret_count,
                            struct error *error)
{
    struct buffer sql = { 0 };
    struct db_result *result = NULL;
    bool failed = false;
    size_t count = 0;

    buffer_append_format(
        &sql,
        "SELECT * FROM (SELECT attempt, " ROW_TIME_US(
            "at") ", worker, message, error_id"
                  " FROM dueq_error WHERE job_id = %llu ORDER BY error_id DESC LIMIT %lu) latest"
                  " ORDER BY error_id",
        (unsigned long long) id, (unsigned long) limit);
    enum db_status status = db_query_buffer(db, &sql, &result, error);
    buffer_done(&sql);
    if (status != DB_OK)
        return status;
    struct job_failure *failures = arena_alloc(arena,
                                               (db_result_rows(result) + 1) * sizeof *failures);
    failed = !failures;
    while (!failed && db_result_next(result))
        failures[count++] = (struct job_failure){
            .attempt = (uint32_t) db_u64(result, 0),
            .at_us = db_i64(result, 1),
            .worker = row_text_copy(result, 2, arena, &failed),
            .message = row_text_copy(result, 3, arena, &failed),
        };
    db_result_free(result);
    if (failed) {
        error_set(error, "out of memory");
        return DB_FATAL;
    }
    *ret_failures = failures;
    *ret_count = count;
    return DB_OK;
}
