#include "dispatch.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "batch.h"
#include "claim_commit.h"
#include "clock.h"
#include "round.h"
#include "source.h"
#include "triage.h"
#include "utf8.h"

enum {
    NO_ROOM_US = 20000,   /* unless a job ends before */
    FAILED_US = 1000000,  /* after a claim that failed for another reason than a lost connection */
    STARVED_US = 5000000, /* waiting for somebody's lock for so long is worth a line */
    LOG_EVERY_US = 60000000,
    HELD_HERE_US = 5000, /* before rows are looked at again that another lane is about to settle */
    SLOWED_PAUSES = 4,   /* how often as long as a claim the pause behind it is, on a server that is
                            spared */
};

struct dispatch {
    struct source *source;
    struct round_tools tools;
    struct log_limit failed_log, starved_log, waiting_log, dead_log;
    int64_t waiting_since_us; /* for a lock; 0: not so */
};

struct dispatch *dispatch_new(struct source *source)
{
    struct dispatch *dispatch = calloc(1, sizeof *dispatch);
    if (!dispatch)
        return NULL;
    dispatch->source = source;
    hold_gate_init(&dispatch->tools.gate);
    return dispatch;
}

void dispatch_free(struct dispatch *dispatch)
{
    if (!dispatch)
        return;
    hold_gate_done(&dispatch->tools.gate);
    free(dispatch);
}

static void log_waiting(struct dispatch *dispatch, const char *queue, const char *what,
                        const struct error *error)
{
    int64_t now_us = clock_now_us();

    if (!dispatch->waiting_since_us)
        dispatch->waiting_since_us = now_us;
    if (now_us - dispatch->waiting_since_us > STARVED_US &&
        log_limit_pass(&dispatch->waiting_log, LOG_EVERY_US, NULL))
        log_warning("%s has to wait for another session, which has locked the table or its rows: "
                    "look for it in SHOW PROCESSLIST: %s: source=%s queue=%s",
                    what, error->text, dispatch->source->config->name, queue);
}

static void failed(struct dispatch *dispatch, struct agenda_entry *const *entries, size_t count,
                   const char *what, enum db_status status, const struct error *error)
{
    struct source *source = dispatch->source;
    const char *queue = entries[0]->queue->name;

    if (status == DB_OK) {
        dispatch->waiting_since_us = 0;
        return;
    }
    if (status == DB_RETRY)
        log_waiting(dispatch, queue, what, error);
    else if (status != DB_LOST && status != DB_READ_ONLY &&
             log_limit_pass(&dispatch->failed_log, LOG_EVERY_US, NULL))
        log_error("%s failed, trying again: %s: source=%s queue=%s", what, error->text,
                  source->config->name, queue);
    int64_t until_us = clock_now_us() + (status == DB_RETRY ? 1000 : FAILED_US);
    mutex_lock(&source->lock);
    for (size_t i = 0; i < count; i++)
        agenda_put_off(entries[i], until_us);
    mutex_unlock(&source->lock);
}

void dispatch_probe(struct dispatch *dispatch, struct link *link, struct db *db,
                    struct agenda_entry *const *entries, size_t count)
{
    struct source *source = dispatch->source;
    struct probe_request requests[PROBE_QUEUES_MAX];
    struct probe probes[PROBE_QUEUES_MAX];
    struct error error = { "" };
    int64_t asked_us = clock_now_us();

    mutex_lock(&source->lock);
    for (size_t i = 0; i < count; i++)
        agenda_fill_request(entries[i], asked_us, &requests[i]);
    mutex_unlock(&source->lock);
    enum db_status status = probe_queues(db, requests, count, probes, &error);
    failed(dispatch, entries, count, "looking for due jobs", status, &error);
    link_report(link, status, &error);
    if (status != DB_OK)
        return;
    int64_t now_us = clock_now_us();
    mutex_lock(&source->lock);
    for (size_t i = 0; i < count; i++) {
        agenda_probed(&source->agenda, entries[i], &requests[i], &probes[i], asked_us, now_us);
        if (probes[i].any_due) /* there is work for more than one lane */
            condition_signal(&source->wake);
    }
    mutex_unlock(&source->lock);
}

/* Other lanes may claim what this one's transaction had locked. */
static void let_go(struct round *round)
{
    struct source *source = round->source;

    mutex_lock(&source->lock);
    if (agenda_let_go(round->entry, clock_now_us()))
        condition_signal(&source->wake);
    mutex_unlock(&source->lock);
}

static void put_off(struct source *source, struct agenda_entry *entry, int64_t pause_us)
{
    mutex_lock(&source->lock);
    agenda_put_off(entry, clock_now_us() + pause_us);
    mutex_unlock(&source->lock);
}

/* How many rows to claim at most. Their payloads are read while they are locked. */
static uint32_t want(const struct round *round, uint32_t at_most, size_t mean_bytes)
{
    uint32_t rows = round->queue->batch;
    size_t bytes = round->source->bytes;

    if (bytes >= SOURCE_BYTES_MAX)
        return 0;
    if (at_most > 0 && at_most < rows)
        rows = at_most;
    size_t fit = (SOURCE_BYTES_MAX - bytes) / (mean_bytes + 1) + 1;
    return fit < rows ? (uint32_t) fit : rows;
}

static bool begin_round(struct source *source, struct round *round)
{
    struct agenda_entry *entry = round->entry;

    mutex_lock(&source->lock);
    uint32_t concurrency = entry->concurrency, at_most = entry->at_most;
    size_t mean_bytes = entry->mean_bytes;
    round->priority = agenda_priority(entry);
    round->reads = round->priority >= 0 && agenda_begin_read(entry);
    if (round->reads)
        round->from_us = entry->watermarks[round->priority].from_us;
    round->at_us = entry->only_us;
    round->set_backs = entry->set_backs;
    round->may_hold = source->may_hold && round->queue->claim != CONFIG_CLAIM_LEASE;
    memcpy(round->source_id, source->schema.source_id, sizeof round->source_id);
    mutex_unlock(&source->lock);
    if (!round->reads) /* another lane has taken the last of it, or is about to */
        return false;

    int64_t now_us = clock_now_us();
    uint32_t room = pool_reserve(round->pool, want(round, at_most, mean_bytes), concurrency);
    mutex_lock(&source->lock);
    round->granted = agenda_allow(entry, room, now_us);
    if (room == 0) {
        agenda_put_off(entry, now_us + NO_ROOM_US);
        entry->blocked = true;
    }
    mutex_unlock(&source->lock);
    if (room > round->granted && pool_unreserve(round->pool, room - round->granted))
        source_unblock(source);
    return round->granted > 0;
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

/* The rows of this round are known and locked: the next lane may look for those behind them. */
static void end_read(struct round *round)
{
    if (!round->reads)
        return;
    round->reads = false;
    if (agenda_end_read(round->entry, clock_now_us()))
        condition_signal(&round->source->wake);
}

/* What the claim found goes into the agenda. True: jobs have been locked by others for long. */
static bool note_claim(struct round *round)
{
    size_t bytes = 0;
    struct source *source = round->source;
    const struct claim *claim = &round->claim;
    struct watermark_claim found = { .count = claim->count, .full = claim->full };

    /* What it had to leave out is the next claim's, and must not lie behind the watermark. */
    if (claim->count > 0)
        found.first_us = claim->items[0].job.due_at_us;
    for (size_t i = 0; i < claim->count; i++) {
        found.last_us = claim->items[i].job.due_at_us;
        bytes += claim->items[i].job.payload ? claim->items[i].job.payload_len : 0;
        if (claim->items[i].verdict == CLAIM_RELEASE) {
            found.last_us--;
            break;
        }
    }
    batch_count_bytes(round->batch, bytes, &source->bytes);
    int64_t now_us = clock_now_us();
    mutex_lock(&source->lock);
    found.has_company = source->has_company;
    const struct agenda_claim noted = { .priority = round->priority,
                                        .found = found,
                                        .set_backs = round->set_backs,
                                        .asked_us = round->begun_us };
    agenda_claimed(round->entry, &noted, now_us);
    int64_t since_us = round->entry->starved_us;
    if (claim->count > 0)
        round->entry->mean_bytes = bytes / claim->count;
    end_read(round);
    mutex_unlock(&source->lock);
    return since_us && now_us - since_us > STARVED_US;
}

/* Rows that had to be left as they are would be the next claim's again, and at once. */
static void pause_if_stuck(struct source *source, struct round *round)
{
    for (size_t i = 0; i < round->claim.count; i++)
        if (round->claim.items[i].verdict != CLAIM_RELEASE || round->tasks[i])
            return;
    mutex_lock(&source->lock);
    agenda_stuck(round->entry, round->priority, clock_now_us());
    mutex_unlock(&source->lock);
}

/* The row that is refused for its own sake goes to the dead letters, if the database lets it. */
static bool bury(struct dispatch *dispatch, struct db *db, const struct claim_request *refused,
                 const struct job *job, const char *why)
{
    struct claim_request request = *refused;
    struct arena arena = { 0 };
    struct claim claim = { .count = 0 };
    struct error error;
    char message[sizeof error.text * 3];
    bool in_doubt;

    request.limit = 1;
    request.from_us = job->due_at_us;
    request.at_us = 0;
    enum db_status status = claim_begin(db, &request, &arena, &claim, &error);
    if (status == DB_OK && claim.count == 1 && claim.items[0].job.id != job->id)
        status = claim_cancel(db, &error);
    else if (status == DB_OK && claim.count == 1) {
        utf8_scrub(why, strlen(why), message, sizeof message);
        claim.items[0].verdict = CLAIM_DEAD;
        claim.items[0].reason = DEAD_INVALID;
        claim.items[0].message = message;
        status = claim_commit(db, &request, &claim, 0, 0, &in_doubt, &error);
        if (status == DB_OK && claim.items[0].verdict == CLAIM_DEAD)
            report_dead(dispatch, &claim);
    }
    arena_done(&arena);
    return status == DB_OK;
}

/* The database refuses what the claim would write. One row is enough for that: it is looked for, so
 * that it does not stop the others. */
static void refuse(struct dispatch *dispatch, struct db *db, const struct claim_request *request,
                   struct round *round, enum db_status status, const struct error *error)
{
    struct source *source = dispatch->source;
    const struct job *job = &round->claim.items[0].job;
    bool alone = round->claim.count == 1;
    bool buried = alone && status == DB_CONSTRAINT && bury(dispatch, db, request, job, error->text);

    round->refused = !alone || buried;
    if (alone && !buried && log_limit_pass(&source->refused_log, LOG_EVERY_US, NULL))
        log_error("the database refuses a claim, the job is passed over and tried again: %s: "
                  "source=%s queue=%s job=%" PRIu64 " kind=%s",
                  error->text, source->config->name, round->queue->name, job->id, job->kind);
    mutex_lock(&source->lock);
    agenda_refused(round->entry, round->claim.count);
    if (alone && !buried)
        agenda_pass_over(round->entry, round->priority, job->due_at_us);
    mutex_unlock(&source->lock);
}

static enum db_status claim_round(struct dispatch *dispatch, struct db *db, struct round *round,
                                  struct error *error)
{
    struct source *source = dispatch->source;
    const struct claim_request request = {
        .queue = round->queue->name,
        .priority = (uint8_t) round->priority,
        .from_us = round->from_us,
        .at_us = round->at_us,
        .limit = round->granted,
        .max_bytes = SOURCE_BYTES_MAX,
        .worker = source->worker,
    };
    bool in_doubt = false;

    round->begun_us = clock_now_us();
    enum db_status status = claim_begin(db, &request, &round->batch->arena, &round->claim, error);
    if (status != DB_OK)
        return status;
    if (note_claim(round) && log_limit_pass(&dispatch->starved_log, LOG_EVERY_US, NULL))
        log_warning("jobs are due but locked by another transaction: look for a long one in SHOW "
                    "PROCESSLIST: "
                    "source=%s queue=%s priority=%d",
                    source->config->name, round->queue->name, round->priority);
    round_return(round, round->granted - (uint32_t) round->claim.count);
    if (round->claim.count == 0)
        return DB_OK;
    if (!triage(round))
        return claim_cancel(db, error);
    size_t elsewhere = held_ids_enter(source, round);
    if (round->held > 0)
        round_hold(round, &dispatch->tools);
    uint64_t token = source_token(source);
    round_expect_leases(round, token);
    status = claim_commit(db, &request, &round->claim, token, round->queue->lease_us, &in_doubt,
                          error);
    let_go(round);
    if (status == DB_OK || in_doubt)
        round_committed(round, in_doubt);
    else
        round_lost(round, &dispatch->tools);
    held_ids_leave(source, round);
    if (elsewhere > 0)
        put_off(source, round->entry, HELD_HERE_US);
    if (status == DB_CONSTRAINT || status == DB_FATAL)
        refuse(dispatch, db, &request, round, status, error);
    if (status == DB_OK) {
        mutex_lock(&source->lock);
        agenda_accepted(round->entry);
        mutex_unlock(&source->lock);
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
        .source = source, .entry = entry, .queue = entry->queue, .pool = source->pools[index]
    };
    struct error error = { "" };
    int64_t begun_us = clock_now_us();

    if (begin_round(source, &round) && (round.batch = batch_new())) {
        enum db_status status = claim_round(dispatch, db, &round, &error);
        if (!round.refused)
            failed(dispatch, &entry, 1, "a claim", status, &error);
        link_report(link, status, &error);
    }
    mutex_lock(&source->lock);
    end_read(&round);
    mutex_unlock(&source->lock);
    round_end(&round);
    if (source->slowed)
        put_off(source, entry, (clock_now_us() - begun_us) * SLOWED_PAUSES);
}
