#include "settle.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "changes.h"
#include "clock.h"
#include "fence.h"
#include "random.h"
#include "transaction.h"

enum {
    RETRIES = 5,          /* of a deadlock; the sixth is the caller's, who waits longer */
    RETRY_WAIT_US = 2000, /* doubled each time, and spread */
    GUILTY_MAX = 10,      /* refused outcomes that are singled out in one settle: each costs some
                            twenty transactions, and with more it is not the outcomes' own fault */
};

/* For one transaction, each with room for the whole batch. */
struct workspace {
    struct fence *fences;
    struct key_entry *keys;
    const struct outcome **simple;
    struct changes changes;
};

static void workspace_done(struct workspace *work)
{
    free(work->fences);
    free(work->keys);
    free(work->simple);
    changes_done(&work->changes);
}

static bool workspace_init(struct workspace *work, size_t count)
{
    *work = (struct workspace){
        .fences = calloc(count, sizeof *work->fences),
        .keys = calloc(count, sizeof *work->keys),
        .simple = calloc(count, sizeof *work->simple),
    };
    return changes_init(&work->changes, count) == 0 && work->fences && work->keys && work->simple;
}

/* What a producer holds is left for later: its fence counts as locked. */
static enum db_status lock_unique_keys(struct db *db, const struct outcome *outcomes, size_t count,
                                       struct workspace *work, struct error *error)
{
    for (size_t i = 0; i < count; i++)
        work->keys[i] = (struct key_entry){
            .id = outcomes[i].id,
            .key = outcome_removes_row(&outcomes[i]) ? outcomes[i].unique_key : NULL,
            .key_len = outcomes[i].unique_key_len,
        };
    enum db_status status = job_rows_lock_keys(db, work->keys, count, error);
    for (size_t i = 0; status == DB_OK && i < count; i++)
        if (!work->keys[i].locked)
            work->fences[i].state = FENCE_LOCKED;
    return status;
}

static enum fence_state state_of(struct fence *fences, size_t count, const struct outcome *outcome)
{
    const struct fence *fence = fence_find(fences, count, outcome->id, outcome->lease,
                                           outcome->attempt);
    return fence ? fence->state : FENCE_LOST;
}

static enum settle_result result_of(enum fence_state state)
{
    return state == FENCE_HELD ? SETTLE_DONE : state == FENCE_LOCKED ? SETTLE_LATER : SETTLE_FENCED;
}

/* Writes every outcome whose row is held. */
static enum db_status write_held(struct db *db, const char *worker, const struct outcome *outcomes,
                                 size_t count, struct workspace *work, struct error *error)
{
    const struct changes_terms terms = { .worker = worker };

    changes_clear(&work->changes);
    for (size_t i = 0; i < count; i++)
        if (state_of(work->fences, count, &outcomes[i]) == FENCE_HELD)
            changes_add_outcome(&work->changes, &outcomes[i]);
    return changes_write(db, &work->changes, &terms, error);
}

/* Most outcomes are of this kind, and one statement can do with them. */
static bool is_simple(const struct outcome *outcome)
{
    return outcome->kind == OUTCOME_DONE && outcome->lease && !outcome->unique_key;
}

/* Deletes the rows of all simple outcomes by one fenced statement, where the server can do that
 * without waiting for a lock, and commits. It costs a quarter less than to lock them before. False
 * with DB_OK: there are others, or one of the rows was in somebody's way or not ours any more; then
 * nothing has happened, and the long way finds out about each. */
static enum db_status settle_simple(struct db *db, struct outcome *outcomes, size_t count,
                                    struct workspace *work, bool *ret_settled, struct error *error)
{
    uint64_t deleted = 0;
    bool in_doubt;

    *ret_settled = false;
    for (size_t i = 0; i < count; i++) {
        if (!is_simple(&outcomes[i]))
            return DB_OK;
        work->simple[i] = &outcomes[i];
    }
    if (!db_is_mariadb(db))
        return DB_OK;
    enum db_status status = transaction_begin(db, error);
    if (status != DB_OK)
        return status;
    status = job_rows_delete_leased(db, work->simple, count, &deleted, error);
    if (status == DB_RETRY || (status == DB_OK && deleted != count))
        return db_run(db, "ROLLBACK", error);
    status = transaction_end(db, status, &in_doubt, error);
    for (size_t i = 0; i < count; i++) {
        if (status == DB_OK)
            outcomes[i].result = SETTLE_DONE;
        else if (in_doubt)
            outcomes[i].result = SETTLE_DOUBTFUL;
    }
    *ret_settled = status == DB_OK;
    return status;
}

static enum db_status settle_once(struct db *db, const char *worker, struct outcome *outcomes,
                                  size_t count, struct workspace *work, struct error *error)
{
    bool settled;
    enum db_status status = settle_simple(db, outcomes, count, work, &settled, error);
    if (status != DB_OK || settled)
        return status;
    for (size_t i = 0; i < count; i++)
        work->fences[i] = (struct fence){ outcomes[i].id, outcomes[i].lease, outcomes[i].attempt,
                                          FENCE_UNKNOWN, outcomes[i].due_at_us };

    status = transaction_begin(db, error);
    if (status != DB_OK)
        return status;
    status = lock_unique_keys(db, outcomes, count, work, error);
    if (status == DB_OK)
        status = fence_lock(db, work->fences, count, error);
    if (status == DB_OK)
        status = write_held(db, worker, outcomes, count, work, error);
    bool in_doubt;
    status = transaction_end(db, status, &in_doubt, error);
    for (size_t i = 0; i < count; i++) {
        if (status == DB_OK)
            outcomes[i].result = result_of(state_of(work->fences, count, &outcomes[i]));
        else if (in_doubt)
            outcomes[i].result = SETTLE_DOUBTFUL;
    }
    return status;
}

static void wait_before_retry(int retry)
{
    int64_t us = (int64_t) ((double) (RETRY_WAIT_US << retry) * (0.5 + random_unit()));
    struct timespec wait = clock_timespec(us);
    nanosleep(&wait, NULL);
}

static enum db_status settle_with_retries(struct db *db, const char *worker,
                                          struct outcome *outcomes, size_t count,
                                          struct error *error)
{
    struct workspace work;
    struct error failure = { "" }; /* not the caller's yet: a later try may succeed */
    enum db_status status = DB_FATAL;

    if (workspace_init(&work, count)) {
        for (int retry = 0; retry <= RETRIES; retry++) {
            status = settle_once(db, worker, outcomes, count, &work, &failure);
            if (status != DB_RETRY)
                break;
            wait_before_retry(retry);
        }
    } else {
        error_set(&failure, "out of memory for %zu outcomes", count);
    }
    workspace_done(&work);
    if (status != DB_OK)
        error_set(error, "%s", failure.text);
    return status;
}

/* The one outcome that the database refuses. Its message is the part that differs most from job to
 * job. */
static enum db_status settle_guilty(struct db *db, const char *worker, struct outcome *outcome,
                                    enum db_status why, struct error *error)
{
    static const char plain[] = "the message of this attempt could not be written to the database";
    struct outcome plainer = *outcome;
    struct error ignored;

    /* What is not the data's fault (a privilege, a full disk) may have passed by the next try, and
     * the message must not be lost by that. */
    if (why == DB_CONSTRAINT && (outcome->kind == OUTCOME_RETRY || outcome->kind == OUTCOME_DEAD)) {
        plainer.message = plain;
        plainer.message_len = sizeof plain - 1;
        enum db_status status = settle_with_retries(db, worker, &plainer, 1, &ignored);
        if (status == DB_OK || status == DB_LOST) {
            outcome->result = plainer.result;
            return status;
        }
    }
    error_prefix(error, "settling job %llu, kept under its lease and tried again",
                 (unsigned long long) outcome->id);
    outcome->result = SETTLE_LATER;
    return DB_OK;
}

static enum db_status settle_bisecting(struct db *db, const char *worker, struct outcome *outcomes,
                                       size_t count, unsigned *guilty, struct error *error)
{
    enum db_status status = settle_with_retries(db, worker, outcomes, count, error);
    if (status != DB_CONSTRAINT && status != DB_FATAL)
        return status;
    if (*guilty >= GUILTY_MAX)
        return status;
    if (count == 1) {
        (*guilty)++;
        return settle_guilty(db, worker, outcomes, status, error);
    }
    size_t half = count / 2;
    status = settle_bisecting(db, worker, outcomes, half, guilty, error);
    if (status == DB_OK)
        status = settle_bisecting(db, worker, outcomes + half, count - half, guilty, error);
    return status;
}

enum db_status settle_outcomes(struct db *db, const char *worker, struct outcome *outcomes,
                               size_t count, struct error *error)
{
    unsigned guilty = 0;
    if (count == 0)
        return DB_OK;
    return settle_bisecting(db, worker, outcomes, count, &guilty, error);
}
