#include "dead_redrive.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "clock.h"
#include "row_list.h"
#include "transaction.h"

enum {
    BATCH = 500,
    RETRIES = 5,           /* of a deadlock or a lock that is held, for a batch */
    RETRY_WAIT_US = 20000, /* doubled each time */
};

enum { ER_DUP_ENTRY = 1062 };

#define JOIN_DEAD " STRAIGHT_JOIN dueq_dead d FORCE INDEX (PRIMARY) ON d.dead_id = t.id"

/* Some dead letters, and what becomes of each within one transaction. 75 KB: on the stack. */
struct batch {
    struct letter {
        uint64_t dead_id;
        uint64_t id;
        bool left;
        char why[sizeof((struct dead_left *) 0)->why];
    } letters[BATCH];
    size_t count;
};

/* `head` <list of dead_ids> `tail`, of those that are not left. */
static bool append_for(struct db *db, struct buffer *sql, const char *head,
                       const struct batch *batch, const char *tail, bool locking)
{
    static const char *const columns[] = { "id BIGINT UNSIGNED" };
    struct row_list rows = { 0 };

    for (size_t i = 0; i < batch->count; i++) {
        if (batch->letters[i].left)
            continue;
        row_list_next(&rows);
        row_list_u64(&rows, batch->letters[i].dead_id);
    }
    bool any = rows.rows > 0;
    buffer_append_text(sql, head);
    (locking ? row_list_append_locking : row_list_append)(&rows, db, sql, columns, 1);
    buffer_append_text(sql, tail);
    row_list_done(&rows);
    return any;
}

static enum db_status query_for(struct db *db, const char *head, const struct batch *batch,
                                const char *tail, struct db_result **ret_result,
                                struct error *error)
{
    struct buffer sql = { 0 };
    append_for(db, &sql, head, batch, tail, true);
    enum db_status status = db_query_buffer(db, &sql, ret_result, error);
    buffer_done(&sql);
    return status;
}

static enum db_status execute_for(struct db *db, const char *head, const struct batch *batch,
                                  const char *tail, uint64_t *ret_affected, struct error *error)
{
    struct buffer sql = { 0 };
    enum db_status status = DB_OK;
    *ret_affected = 0;
    if (append_for(db, &sql, head, batch, tail, false))
        status = db_execute_buffer(db, &sql, ret_affected, error);
    buffer_done(&sql);
    return status;
}

/* The next ones after `after`, up to `last`, in order. */
static enum db_status read_batch(struct db *db, const struct dead_filter *filter, uint64_t after,
                                 uint64_t last, uint64_t limit, struct batch *ret_batch,
                                 struct error *error)
{
    struct buffer sql = { 0 };
    struct db_result *result = NULL;

    buffer_append_text(&sql, "SELECT dead_id FROM dueq_dead");
    dead_filter_append(db, &sql, filter);
    buffer_append_format(&sql,
                         " AND dead_id > %llu AND dead_id <= %llu ORDER BY dead_id LIMIT %llu",
                         (unsigned long long) after, (unsigned long long) last,
                         (unsigned long long) (limit < BATCH ? limit : BATCH));
    enum db_status status = db_query_buffer(db, &sql, &result, error);
    buffer_done(&sql);
    if (status != DB_OK)
        return status;
    ret_batch->count = 0;
    while (db_result_next(result) && ret_batch->count < BATCH)
        ret_batch->letters[ret_batch->count++] = (struct letter){ .dead_id = db_u64(result, 0) };
    db_result_free(result);
    return DB_OK;
}

/* Locks the batch, and drops from it what is gone meanwhile: another redrive or purge took it. */
static enum db_status lock_batch(struct db *db, struct batch *batch, struct error *error)
{
    struct db_result *result;
    size_t count = 0;
    enum db_status status = query_for(db, "SELECT d.dead_id, d.id FROM ", batch,
                                      JOIN_DEAD " FOR UPDATE", &result, error);
    if (status != DB_OK)
        return status;
    while (db_result_next(result) && count < BATCH)
        batch->letters[count++] = (struct letter){ .dead_id = db_u64(result, 0),
                                                   .id = db_u64(result, 1) };
    batch->count = count;
    db_result_free(result);
    return DB_OK;
}

static void leave(struct batch *batch, uint64_t dead_id, const char *format, uint64_t number)
    __attribute__((format(printf, 3, 0)));

static void leave(struct batch *batch, uint64_t dead_id, const char *format, uint64_t number)
{
    for (size_t i = 0; i < batch->count; i++) {
        struct letter *letter = &batch->letters[i];
        if (letter->dead_id != dead_id)
            continue;
        letter->left = true;
        snprintf(letter->why, sizeof letter->why, format, (unsigned long long) number);
    }
}

/* Marks those whose place is taken by a living job. */
static enum db_status find_collisions(struct db *db, struct batch *batch, struct error *error)
{
    static const struct {
        const char *join, *why;
    } ways[] = {
        { " STRAIGHT_JOIN dueq_job j FORCE INDEX (PRIMARY) ON j.id = d.id",
          "a job with id %llu is alive" },
        { " STRAIGHT_JOIN dueq_job j FORCE INDEX (unique_key) ON j.unique_key = d.unique_key",
          "job %llu has its unique_key" },
    };
    for (size_t way = 0; way < sizeof ways / sizeof *ways; way++) {
        struct db_result *result;
        struct buffer tail = { 0 };
        buffer_append_text(&tail, JOIN_DEAD);
        buffer_append_text(&tail, ways[way].join);
        enum db_status status = DB_FATAL;
        if (tail.failed)
            error_set(error, "out of memory");
        else
            status = query_for(db, "SELECT d.dead_id, j.id FROM ", batch, tail.bytes, &result,
                               error);
        buffer_done(&tail);
        if (status != DB_OK)
            return status;
        while (db_result_next(result))
            leave(batch, db_u64(result, 0), ways[way].why, db_u64(result, 1));
        db_result_free(result);
    }
    return DB_OK;
}

static enum db_status move_back(struct db *db, const struct batch *batch, int64_t over_us,
                                uint64_t *ret_moved, struct error *error)
{
    struct buffer head = { 0 };
    uint64_t deleted;

    /* An invalid row comes back as a ready one: what was wrong with it was its state or its date.
     */
    buffer_append_text(
        &head,
        "INSERT INTO dueq_job (id, queue, kind, payload, headers, priority, next_run_at, state,"
        " attempts, max_attempts, retry, lease, unique_key, ordering_key, created_at)"
        " SELECT d.id, d.queue, d.kind, d.payload, d.headers, d.priority, ");
    if (over_us > 0)
        buffer_append_format(&head,
                             "LEAST(NOW(6) + INTERVAL FLOOR(RAND() * %lld) MICROSECOND,"
                             " TIMESTAMP'2038-01-19 03:14:07')",
                             (long long) over_us);
    else
        buffer_append_text(&head, "NOW(6)");
    buffer_append_text(&head, ", IF(d.state = 'prepared', 'prepared', 'ready'), 0, d.max_attempts,"
                              " d.retry, NULL, d.unique_key, d.ordering_key,"
                              " COALESCE(d.created_at, NOW(6) - INTERVAL 1 SECOND) FROM ");
    enum db_status status = DB_FATAL;
    if (head.failed)
        error_set(error, "out of memory");
    else
        status = execute_for(db, head.bytes, batch, JOIN_DEAD, ret_moved, error);
    buffer_done(&head);
    if (status == DB_OK)
        status = execute_for(db, "DELETE d FROM ", batch, JOIN_DEAD, &deleted, error);
    return status;
}

static enum db_status redrive_once(struct db *db, struct batch *batch, int64_t over_us,
                                   uint64_t *ret_moved, unsigned *ret_number, struct error *error)
{
    enum db_status status = transaction_begin(db, error);
    if (status != DB_OK)
        return status;
    status = lock_batch(db, batch, error);
    if (status == DB_OK)
        status = find_collisions(db, batch, error);
    if (status == DB_OK)
        status = move_back(db, batch, over_us, ret_moved, error);
    *ret_number = status == DB_OK ? 0 : db_error_number(db);
    return transaction_end(db, status, NULL, error);
}

static void wait_before_retry(int retry)
{
    struct timespec wait = clock_timespec((int64_t) RETRY_WAIT_US << retry);
    nanosleep(&wait, NULL);
}

static enum db_status redrive_retrying(struct db *db, struct batch *batch, int64_t over_us,
                                       uint64_t *ret_moved, unsigned *ret_number,
                                       struct error *error)
{
    enum db_status status = DB_RETRY;
    for (int retry = 0; status == DB_RETRY && retry < RETRIES; retry++) {
        if (retry > 0)
            wait_before_retry(retry);
        status = redrive_once(db, batch, over_us, ret_moved, ret_number, error);
    }
    return status;
}

static void count_batch(const struct batch *batch, uint64_t moved, struct dead_redriven *redriven)
{
    redriven->done += moved;
    for (size_t i = 0; i < batch->count; i++) {
        const struct letter *letter = &batch->letters[i];
        if (!letter->left)
            continue;
        if (redriven->left < DEAD_LEFT_MAX) {
            struct dead_left *left = &redriven->examples[redriven->left];
            *left = (struct dead_left){ .dead_id = letter->dead_id, .id = letter->id };
            memcpy(left->why, letter->why, sizeof left->why);
        }
        redriven->left++;
    }
}

/* Something in the batch is refused, or held by a producer: it must not hold up the others. */
static enum db_status redrive_singly(struct db *db, const struct batch *batch, int64_t over_us,
                                     struct dead_redriven *redriven, struct error *error)
{
    struct batch one;

    for (size_t i = 0; i < batch->count; i++) {
        uint64_t moved = 0;
        unsigned number = 0;
        one.count = 1;
        one.letters[0] = batch->letters[i];
        one.letters[0].left = false;
        enum db_status status = redrive_once(db, &one, over_us, &moved, &number, error);
        if (status == DB_CONSTRAINT || status == DB_RETRY) {
            struct letter *letter = &one.letters[0];
            one.count = 1;
            letter->left = true;
            if (status == DB_RETRY)
                snprintf(letter->why, sizeof letter->why,
                         "another transaction holds its id or unique_key");
            else if (number == ER_DUP_ENTRY)
                snprintf(letter->why, sizeof letter->why,
                         "its id or unique_key was taken meanwhile");
            else
                snprintf(letter->why, sizeof letter->why, "refused: %.100s", error->text);
        } else if (status != DB_OK) {
            return status;
        }
        count_batch(&one, moved, redriven);
    }
    return DB_OK;
}

static enum db_status last_dead_id(struct db *db, uint64_t *ret_last, struct error *error)
{
    return db_query_u64(db, "SELECT MAX(dead_id) FROM dueq_dead", ret_last, error);
}

enum db_status dead_redrive(struct db *db, const struct dead_filter *filter,
                            const struct dead_redrive_options *options,
                            struct dead_redriven *ret_redriven, struct error *error)
{
    struct batch batch;
    uint64_t last = 0, after = 0;

    *ret_redriven = (struct dead_redriven){ .done = 0 };
    enum db_status status = last_dead_id(db, &last, error);
    if (status == DB_NO_ROW)
        return DB_OK;
    while (status == DB_OK && ret_redriven->done < options->limit) {
        status = read_batch(db, filter, after, last, options->limit - ret_redriven->done, &batch,
                            error);
        if (status != DB_OK || batch.count == 0)
            break;
        after = batch.letters[batch.count - 1].dead_id;
        uint64_t moved = 0;
        unsigned number = 0;
        status = redrive_retrying(db, &batch, options->over_us, &moved, &number, error);
        if (status == DB_OK)
            count_batch(&batch, moved, ret_redriven);
        else if (status == DB_CONSTRAINT || status == DB_RETRY)
            status = redrive_singly(db, &batch, options->over_us, ret_redriven, error);
    }
    if (status != DB_OK)
        error_prefix(error, "redriving");
    return status;
}

enum db_status dead_purge(struct db *db, const struct dead_filter *filter, uint64_t limit,
                          uint64_t *ret_count, struct error *error)
{
    struct batch batch;
    uint64_t last = 0, after = 0;

    *ret_count = 0;
    enum db_status status = last_dead_id(db, &last, error);
    if (status == DB_NO_ROW)
        return DB_OK;
    while (status == DB_OK && *ret_count < limit) {
        status = read_batch(db, filter, after, last, limit - *ret_count, &batch, error);
        if (status != DB_OK || batch.count == 0)
            break;
        after = batch.letters[batch.count - 1].dead_id;
        uint64_t deleted = 0;
        status = DB_RETRY;
        for (int retry = 0; status == DB_RETRY && retry < RETRIES; retry++) {
            if (retry > 0)
                wait_before_retry(retry);
            status = execute_for(db, "DELETE d FROM ", &batch, JOIN_DEAD, &deleted, error);
        }
        if (status == DB_OK)
            *ret_count += deleted;
    }
    if (status != DB_OK)
        error_prefix(error, "purging");
    return status;
}
