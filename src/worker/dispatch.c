#include "dispatch.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "batch.h"
#include "claim.h"
#include "clock.h"
#include "source.h"
#include "task.h"

enum {
    REPROBE_US =
        100000, /* while claims keep finding jobs: how long a better priority may stay unseen */
    NO_ROOM_US = 20000,   /* unless a job ends before */
    FAILED_US = 1000000,  /* after a claim that failed for another reason than a lost connection */
    STARVED_US = 5000000, /* waiting for somebody's lock for so long is worth a line */
    STILL_RUNNING_US = 1000000, /* when to look again at a row that is due but runs here: the
                                   keeper, if it can, renews its lease before */
    LOG_EVERY_US = 60000000,
    MAX_BYTES = 64 * 1024 * 1024, /* of payloads in one claim */
};

struct dispatch {
    struct source *source;
    struct log_limit failed_log, starved_log, waiting_log, policy_log, dead_log;
    int64_t waiting_since_us; /* for a lock; 0: not so */
};

/* What one claim works with. */
struct round {
    struct agenda_entry *entry; /* source->lock, but for entry->queue */
    const struct config_queue *queue;
    struct pool *pool;
    uint32_t granted; /* reserved in the pool and allowed by the rate, not yet submitted */
    int priority;     /* -1: nothing is known to be due */
    char source_id[SCHEMA_SOURCE_ID_SIZE];
    struct batch *batch;
    struct claim claim;
};

struct dispatch *dispatch_new(struct source *source)
{
    struct dispatch *dispatch = calloc(1, sizeof *dispatch);
    if (dispatch)
        dispatch->source = source;
    return dispatch;
}

void dispatch_free(struct dispatch *dispatch)
{
    free(dispatch);
}

static bool begin_round(struct source *source, struct agenda_entry *entry, struct round *round)
{
    int64_t now_us = clock_now_us();

    mutex_lock(&source->lock);
    uint32_t concurrency = entry->concurrency;
    round->priority = now_us - entry->probed_us < REPROBE_US && entry->probed_us
                          ? agenda_priority(entry)
                          : -1;
    memcpy(round->source_id, source->schema.source_id, sizeof round->source_id);
    mutex_unlock(&source->lock);

    uint32_t room = pool_reserve(round->pool, round->queue->batch, concurrency);

    mutex_lock(&source->lock);
    round->granted = agenda_allow(entry, room, now_us);
    if (room == 0) {
        agenda_put_off(entry, now_us + NO_ROOM_US);
        entry->blocked = true;
    }
    mutex_unlock(&source->lock);
    if (room > round->granted)
        pool_unreserve(round->pool, room - round->granted);
    return round->granted > 0;
}

static void end_round(struct source *source, struct round *round)
{
    mutex_lock(&source->lock);
    agenda_allow_back(round->entry, round->granted);
    mutex_unlock(&source->lock);
    pool_unreserve(round->pool, round->granted);
    batch_release(round->batch);
}

static void log_waiting(struct dispatch *dispatch, const struct round *round, const char *what,
                        const struct error *error)
{
    int64_t now_us = clock_now_us();

    if (!dispatch->waiting_since_us)
        dispatch->waiting_since_us = now_us;
    if (now_us - dispatch->waiting_since_us > STARVED_US &&
        log_limit_pass(&dispatch->waiting_log, LOG_EVERY_US, NULL))
        log_warning("%s has to wait for another session, which has locked the table or its rows: "
                    "look for it in SHOW PROCESSLIST: %s: source=%s queue=%s",
                    what, error->text, dispatch->source->config->name, round->queue->name);
}

static void failed(struct dispatch *dispatch, struct round *round, const char *what,
                   enum db_status status, const struct error *error)
{
    struct source *source = dispatch->source;

    if (status == DB_OK) {
        dispatch->waiting_since_us = 0;
        return;
    }
    if (status == DB_RETRY)
        log_waiting(dispatch, round, what, error);
    else if (status != DB_LOST && status != DB_READ_ONLY &&
             log_limit_pass(&dispatch->failed_log, LOG_EVERY_US, NULL))
        log_error("%s failed, trying again: %s: source=%s queue=%s", what, error->text,
                  source->config->name, round->queue->name);
    mutex_lock(&source->lock);
    int64_t pause_us = status == DB_RETRY ? 1000 : FAILED_US;
    agenda_put_off(round->entry, clock_now_us() + pause_us);
    mutex_unlock(&source->lock);
}

static enum db_status probe_round(struct source *source, struct db *db, struct round *round,
                                  struct error *error)
{
    struct probe probe;
    int64_t asked_us = clock_now_us();
    enum db_status status = probe_queue(db, round->queue->name, &probe, error);
    if (status != DB_OK)
        return status;
    mutex_lock(&source->lock);
    agenda_probed(round->entry, &probe, asked_us);
    round->priority = agenda_priority(round->entry);
    if (round->priority >= 0) /* there is work for more than one lane */
        condition_signal(&source->wake);
    mutex_unlock(&source->lock);
    return status;
}

static const struct retry_policy *policy_for(struct dispatch *dispatch, const struct round *round,
                                             const struct job *job, const struct binding *binding)
{
    const struct source *source = dispatch->source;

    if (job->retry) {
        const struct retry_policy *policy = config_find_retry(source->all, job->retry);
        if (policy)
            return policy;
        if (log_limit_pass(&dispatch->policy_log, LOG_EVERY_US, NULL))
            log_warning("a job names a retry policy that is not configured, the one of its kind or "
                        "queue is used: "
                        "source=%s job=%" PRIu64 " kind=%s retry=%s",
                        source->config->name, job->id, job->kind, job->retry);
    }
    if (binding->config && binding->config->retry)
        return binding->config->retry;
    return round->queue->retry;
}

static void put_off(struct source *source, struct claimed *item, const char *why)
{
    item->verdict = CLAIM_PUT_OFF;
    item->put_off_us = unbound_delay_us(item->job.claimed_at_us - item->job.created_at_us);
    unbound_count(source->unbound, source->config->name, item->job.kind, why);
    atomic_fetch_add(&source->counters.put_off, 1);
}

/* What is to become of a row. *ret_binding, *ret_retry: set for CLAIM_RUN. */
static void decide(struct dispatch *dispatch, const struct round *round, struct claimed *item,
                   const struct binding **ret_binding, const struct retry_policy **ret_retry)
{
    struct source *source = dispatch->source;
    const struct job *job = &item->job;

    if (item->verdict != CLAIM_RUN)
        return;
    if (job->state == JOB_PREPARED) {
        put_off(source, item,
                "they are prepared messages, and no handler of the kind can be asked about them");
        return;
    }
    if (job->expired_lease && source_runs(source, job->id)) {
        /* Not ours to renew where the lease is another daemon's: then an earlier attempt runs here
         * and has yet to stop. Either way it must not stand before the others. */
        item->verdict = CLAIM_KEEP;
        item->put_off_us = STILL_RUNNING_US;
        return;
    }
    *ret_binding = registry_find(source->registry, job->kind);
    if (!*ret_binding) {
        put_off(source, item, "no handler is bound to this kind");
        return;
    }
    *ret_retry = policy_for(dispatch, round, job, *ret_binding);
    if (job->attempts >= retry_policy_limit(*ret_retry, job->max_attempts)) {
        item->verdict = CLAIM_DEAD;
        item->reason = job->expired_lease ? DEAD_EXPIRED : DEAD_EXHAUSTED;
        item->message = job->expired_lease
                            ? "the lease of its last allowed attempt ran out"
                            : "it has no attempt left: max_attempts was lowered below its attempts";
    }
}

static void report_dead(struct dispatch *dispatch, const struct claim *claim)
{
    struct source *source = dispatch->source;
    uint64_t suppressed = 0;

    for (size_t i = 0; i < claim->count; i++) {
        const struct claimed *item = &claim->items[i];
        if (item->verdict != CLAIM_DEAD)
            continue;
        atomic_fetch_add(&source->counters.dead, 1);
        if (log_limit_pass(&dispatch->dead_log, 1000000, &suppressed))
            log_warning("a job is dead: %s: source=%s job=%" PRIu64
                        " kind=%s attempts=%u reason=%s "
                        "not_logged=%" PRIu64,
                        item->message, source->config->name, item->job.id, item->job.kind,
                        item->job.attempts, dead_reason_name(item->reason), suppressed);
    }
}

static void fill_abi(struct task *task, const struct source *source, char *message_id)
{
    const struct job *job = &task->job;
    int64_t timeout_us = task->queue->timeout_us;

    if (task->binding->config && task->binding->config->timeout_us)
        timeout_us = task->binding->config->timeout_us;
    task->abi = (struct dueq_job){
        .size = sizeof task->abi,
        .attempt = job->attempts,
        .max_attempts = retry_policy_limit(task->retry, job->max_attempts),
        .id = job->id,
        .message_id = message_id,
        .source = source->config->name,
        .queue = task->queue->name,
        .kind = job->kind,
        .payload = job->payload,
        .payload_len = job->payload_len,
        .headers = job->headers,
        .headers_len = job->headers_len,
        .created_at_us = job->created_at_us,
        .due_at_us = job->due_at_us,
        .timeout_us = timeout_us,
    };
}

/* A task before its lease is committed: what allocates is done here, so that nothing can fail once
 * it is. */
static struct task *make_task(struct source *source, struct round *round,
                              const struct claimed *item, const struct binding *binding,
                              const struct retry_policy *retry)
{
    enum { ID_SIZE = SCHEMA_SOURCE_ID_SIZE + 21 };
    struct task *task = arena_alloc(&round->batch->arena, sizeof *task + ID_SIZE);
    if (!task)
        return NULL;
    task->job = item->job;
    task->batch = round->batch;
    task->source = source;
    task->pool = round->pool;
    task->binding = binding;
    task->retry = retry;
    task->queue = round->queue;
    snprintf((char *) (task + 1), ID_SIZE, "%s-%" PRIu64, round->source_id, item->job.id);
    return task;
}

/* The tasks of the rows to run, in order; a row for which there is no memory is released. */
static void make_tasks(struct dispatch *dispatch, struct round *round, struct task **tasks)
{
    for (size_t i = 0; i < round->claim.count; i++) {
        struct claimed *item = &round->claim.items[i];
        const struct binding *binding = NULL;
        const struct retry_policy *retry = NULL;

        decide(dispatch, round, item, &binding, &retry);
        if (item->verdict != CLAIM_RUN)
            continue;
        tasks[i] = make_task(dispatch->source, round, item, binding, retry);
        if (!tasks[i])
            item->verdict = CLAIM_RELEASE;
    }
}

/* The lease of every task is committed, or, in doubt, may be. */
static void hand_over(struct source *source, struct round *round, struct task **tasks,
                      int64_t lease_until_us, bool in_doubt)
{
    struct list list = { 0 };

    for (size_t i = 0; i < round->claim.count; i++) {
        struct task *task = tasks[i];
        if (!task)
            continue;
        task->job = round->claim.items[i].job;
        task->lease_until_us = lease_until_us;
        task->in_doubt = in_doubt;
        fill_abi(task, source, (char *) (task + 1));
        batch_reference(round->batch);
        list_append(&list, &task->node);
    }
    bool begin = source_add(source, &list) && !in_doubt;
    if (!begin) {
        struct list_node *node;
        while ((node = list_take_first(&list))) {
            struct task *task = list_entry(node, struct task, node);
            task_release(task);
            source_publish(source, task);
        }
        return;
    }
    atomic_fetch_add(&source->counters.claimed, list.count);
    round->granted -= (uint32_t) list.count;
    pool_submit(round->pool, &list);
}

static void watch_starvation(struct dispatch *dispatch, struct round *round)
{
    struct source *source = dispatch->source;

    mutex_lock(&source->lock);
    int64_t since_us = round->entry->starved_us;
    mutex_unlock(&source->lock);
    if (since_us && clock_now_us() - since_us > STARVED_US &&
        log_limit_pass(&dispatch->starved_log, LOG_EVERY_US, NULL))
        log_warning("jobs are due but locked by another transaction: look for a long one in SHOW "
                    "PROCESSLIST: "
                    "source=%s queue=%s priority=%d",
                    source->config->name, round->queue->name, round->priority);
}

/* Rows that had to be left as they are would be the next claim's again, and at once. */
static void pause_if_stuck(struct source *source, struct round *round)
{
    for (size_t i = 0; i < round->claim.count; i++)
        if (round->claim.items[i].verdict != CLAIM_RELEASE)
            return;
    mutex_lock(&source->lock);
    agenda_stuck(round->entry, round->priority, clock_now_us());
    mutex_unlock(&source->lock);
}

static enum db_status claim_round(struct dispatch *dispatch, struct db *db, struct round *round,
                                  struct error *error)
{
    struct source *source = dispatch->source;
    const struct claim_request request = {
        .queue = round->queue->name,
        .priority = (uint8_t) round->priority,
        .limit = round->granted,
        .max_bytes = MAX_BYTES,
        .worker = source->worker,
    };
    int64_t begun_us = clock_now_us();
    bool in_doubt = false;

    enum db_status status = claim_begin(db, &request, &round->batch->arena, &round->claim, error);
    if (status != DB_OK)
        return status;
    mutex_lock(&source->lock);
    agenda_claimed(round->entry, round->priority, round->claim.count, round->claim.full, begun_us);
    mutex_unlock(&source->lock);
    watch_starvation(dispatch, round);
    if (round->claim.count == 0)
        return DB_OK;

    struct task **tasks = arena_alloc(&round->batch->arena,
                                      round->claim.count * sizeof(struct task *));
    if (!tasks)
        return claim_cancel(db, error);
    make_tasks(dispatch, round, tasks);
    status = claim_commit(db, &request, &round->claim, source_token(source), round->queue->lease_us,
                          &in_doubt, error);
    if (status == DB_OK || in_doubt)
        hand_over(source, round, tasks, begun_us + round->queue->lease_us, in_doubt);
    if (status == DB_OK) {
        report_dead(dispatch, &round->claim);
        pause_if_stuck(source, round);
    }
    return status;
}

void dispatch_claim(struct dispatch *dispatch, struct link *link, struct db *db,
                    struct agenda_entry *entry)
{
    struct source *source = dispatch->source;
    size_t index = (size_t) (entry - source->agenda.entries);
    struct round round = {
        .entry = entry, .queue = entry->queue, .pool = source->pools[index], .priority = -1
    };
    struct error error = { "" };

    if (!begin_round(source, entry, &round)) {
        pool_unreserve(round.pool, round.granted);
        return;
    }
    enum db_status status = DB_OK;
    if (round.priority < 0)
        status = probe_round(source, db, &round, &error);
    failed(dispatch, &round, "looking for due jobs", status, &error);
    if (status == DB_OK && round.priority >= 0 && (round.batch = batch_new())) {
        status = claim_round(dispatch, db, &round, &error);
        failed(dispatch, &round, "a claim", status, &error);
    }
    link_report(link, status, &error);
    end_round(source, &round);
}
