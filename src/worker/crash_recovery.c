#include "crash_recovery.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crashed_job.h"
#include "ledger.h"
#include "random.h"
#include "remains.h"
#include "retry_choice.h"
#include "settle.h"
#include "source.h"
#include "worker_row.h"

enum { MESSAGE_SIZE = 256, BATCH = SETTLE_MAX };

/* What is to be written for one dead daemon. */
struct verdicts {
    struct outcome *outcomes;
    size_t count;
    char (*messages)[MESSAGE_SIZE]; /* of culprits: by index of the job */
};

static void verdicts_done(struct verdicts *verdicts)
{
    free(verdicts->outcomes);
    free(verdicts->messages);
}

static struct ledger_lease *find_lease(const struct remains *remains,
                                       const struct ledger_entry *job)
{
    for (size_t i = 0; i < remains->lease_count; i++)
        if (remains->leases[i].job_id == job->job_id && remains->leases[i].attempt == job->attempt)
            return &remains->leases[i];
    return NULL;
}

/* Both are fenced: by the token, or by what the row said when it was locked. */
static struct outcome outcome_of(const struct ledger_entry *job, const struct ledger_lease *lease)
{
    return (struct outcome){ .id = job->job_id,
                             .lease = lease ? lease->token : 0,
                             .attempt = job->attempt,
                             .due_at_us = job->due_at_us };
}

static void decide_culprit(struct source *source, const struct ledger_entry *entry,
                           const struct crashed_job *job, char message[MESSAGE_SIZE],
                           struct outcome *outcome)
{
    const struct config_queue *queue = config_find_queue(source->all, job->queue);
    const struct retry_policy *policy = retry_choice(
        source, entry->job_id, job->kind, job->retry[0] ? job->retry : NULL,
        registry_find(source->registry, job->kind), queue ? queue : &source->all->queues[0]);
    const struct retry_failure failure = { .attempt = entry->attempt,
                                           .max_attempts = job->max_attempts,
                                           .age_us = job->age_us,
                                           .asked_us = -1,
                                           .spread = random_unit() };
    uint32_t crashes = job->crashes + 1;
    int len = snprintf(message, MESSAGE_SIZE,
                       CRASHED_PREFIX "handler %s took the daemon down with SIG%s, crash %u of at "
                                      "most %u",
                       entry->handler, sigabbrev_np(entry->signal), crashes,
                       source->all->crash_limit);
    outcome->message = message;
    outcome->message_len = len > 0 ? strlen(message) : 0;
    outcome->kind = OUTCOME_DEAD;
    if (crashes >= source->all->crash_limit)
        outcome->reason = DEAD_CRASHED;
    else if (retry_policy_next(policy, &failure, &outcome->delay_us) == RETRY_LATER)
        outcome->kind = OUTCOME_RETRY;
    else
        outcome->reason = DEAD_EXHAUSTED;
}

/* Without a culprit a job that ran is charged: else one that gets its daemon killed, for the memory
 * it takes perhaps, would do so for ever. One under a row lock alone is charged the next time. */
static enum outcome_kind bystander(const struct remains *remains, const struct ledger_lease *lease)
{
    return lease && !remains->attributed ? OUTCOME_EXPIRE : OUTCOME_SUSPECT;
}

static enum db_status judge_jobs(struct source *source, struct db *db,
                                 const struct remains *remains, struct verdicts *verdicts,
                                 struct error *error)
{
    for (size_t i = 0; i < remains->job_count; i++) {
        const struct ledger_entry *entry = &remains->jobs[i];
        struct ledger_lease *lease = find_lease(remains, entry);
        struct outcome outcome = outcome_of(entry, lease);
        if (lease)
            lease->state = LEDGER_FREE; /* it is seen to here */
        outcome.kind = bystander(remains, lease);
        if (entry->signal) {
            struct crashed_job job;
            enum db_status status = crashed_job_read(db, entry->job_id, entry->attempt, &job,
                                                     error);
            if (status == DB_NO_ROW)
                continue;
            if (status != DB_OK)
                return status;
            decide_culprit(source, entry, &job, verdicts->messages[i], &outcome);
        }
        verdicts->outcomes[verdicts->count++] = outcome;
    }
    return DB_OK;
}

static void judge_leases(const struct remains *remains, struct verdicts *verdicts)
{
    for (size_t i = 0; i < remains->lease_count; i++) {
        const struct ledger_lease *lease = &remains->leases[i];
        if (lease->state == LEDGER_FREE)
            continue;
        verdicts->outcomes[verdicts->count++] = (struct outcome){
            .id = lease->job_id,
            .lease = lease->token,
            .attempt = lease->attempt,
            .kind = lease->state == LEDGER_WAITING ? OUTCOME_RELEASE : bystander(remains, lease),
        };
    }
}

static enum db_status write(struct db *db, const struct remains *remains, struct verdicts *verdicts,
                            bool *ret_more, struct error *error)
{
    for (size_t i = 0; i < verdicts->count; i += BATCH) {
        size_t count = verdicts->count - i < BATCH ? verdicts->count - i : BATCH;
        enum db_status status = settle_outcomes(db, remains->worker, verdicts->outcomes + i, count,
                                                error);
        if (status != DB_OK)
            return status;
    }
    for (size_t i = 0; i < verdicts->count; i++)
        *ret_more |= verdicts->outcomes[i].result == SETTLE_LATER;
    return DB_OK;
}

/* The rows of the dead worker, which would be taken for a daemon that has stopped answering. */
static enum db_status delete_workers(struct db *db, const struct remains *remains,
                                     struct error *error)
{
    enum db_status status = DB_OK;
    for (size_t i = 0; status == DB_OK && i < remains->worker_count; i++)
        status = worker_row_delete(db, remains->workers[i].worker_id, error);
    return status;
}

static size_t count_written(const struct verdicts *verdicts, enum outcome_kind kind)
{
    size_t count = 0;
    for (size_t i = 0; i < verdicts->count; i++)
        count += verdicts->outcomes[i].kind == kind && verdicts->outcomes[i].result == SETTLE_DONE;
    return count;
}

static void say(const struct source *source, const struct remains *remains,
                const struct verdicts *verdicts)
{
    for (size_t i = 0; i < verdicts->count; i++) {
        const struct outcome *outcome = &verdicts->outcomes[i];
        if (outcome->message && outcome->result == SETTLE_DONE)
            log_error("a job %s: %s: source=%s job=%" PRIu64 " attempt=%u worker=%s",
                      outcome->kind == OUTCOME_DEAD ? "is dead" : "is tried again",
                      outcome->message, source->config->name, outcome->id, outcome->attempt,
                      remains->worker);
    }
    log_warning("a daemon of this host did not end in an orderly way, what it was doing is put "
                "right: signal=%s worker=%s source=%s given_back=%zu run_again=%zu charged=%zu "
                "crashed=%zu",
                remains->signal ? sigabbrev_np(remains->signal) : "unknown", remains->worker,
                source->config->name, count_written(verdicts, OUTCOME_RELEASE),
                count_written(verdicts, OUTCOME_SUSPECT), count_written(verdicts, OUTCOME_EXPIRE),
                count_written(verdicts, OUTCOME_RETRY) + count_written(verdicts, OUTCOME_DEAD));
}

static enum db_status recover(struct source *source, struct db *db, const struct remains *remains,
                              bool *ret_more, struct error *error)
{
    size_t most = remains->job_count + remains->lease_count;
    struct verdicts verdicts = { .outcomes = calloc(most + 1, sizeof *verdicts.outcomes),
                                 .messages = calloc(remains->job_count + 1, MESSAGE_SIZE) };
    enum db_status status = DB_FATAL;

    if (verdicts.outcomes && verdicts.messages) {
        status = judge_jobs(source, db, remains, &verdicts, error);
        if (status == DB_OK) {
            judge_leases(remains, &verdicts);
            status = write(db, remains, &verdicts, ret_more, error);
        }
        if (status == DB_OK)
            say(source, remains, &verdicts);
    } else {
        error_set(error, "out of memory for the jobs of a dead daemon");
    }
    verdicts_done(&verdicts);
    return status;
}

enum db_status crash_recovery_run(struct source *source, struct db *db, bool *ret_more,
                                  struct error *error)
{
    struct remains_store *store = ledger_remains(source->ledger);
    struct remains *remains;
    enum db_status status = DB_OK;

    *ret_more = false;
    while (status == DB_OK && !*ret_more &&
           (remains = remains_find(store, source->schema.source_id))) {
        status = recover(source, db, remains, ret_more, error);
        if (status == DB_OK && !*ret_more)
            status = delete_workers(db, remains, error);
        if (status == DB_OK && !*ret_more)
            remains_forget(store, remains);
        remains_release(remains);
    }
    return status;
}
