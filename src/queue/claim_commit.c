#include "claim_commit.h"

#include <stdlib.h>
#include <string.h>

#include "changes.h"
#include "lease_token.h"
#include "transaction.h"

static bool removes_row(const struct claimed *item)
{
    return item->verdict == CLAIM_DEAD ||
           (item->verdict == CLAIM_SETTLE && outcome_removes_row(&item->outcome));
}

/* A job whose unique key a producer is at stays: see claim_commit.h. */
static enum db_status spare_busy_keys(struct db *db, struct claim *claim, struct error *error)
{
    struct key_entry *entries = calloc(claim->count, sizeof *entries);
    size_t count = 0;
    if (!entries) {
        error_set(error, "out of memory");
        return DB_FATAL;
    }
    for (size_t i = 0; i < claim->count; i++) {
        const struct job *job = &claim->items[i].job;
        if (removes_row(&claim->items[i]) && job->unique_key)
            entries[count++] = (struct key_entry){ .id = job->id,
                                                   .key = job->unique_key,
                                                   .key_len = job->unique_key_len };
    }
    enum db_status status = job_rows_lock_keys(db, entries, count, error);
    for (size_t i = 0, n = 0; status == DB_OK && n < count; i++) {
        struct claimed *item = &claim->items[i];
        if (item->job.id != entries[n].id)
            continue;
        if (!entries[n++].locked)
            item->verdict = item->verdict == CLAIM_SETTLE ? CLAIM_RUN : CLAIM_RELEASE;
    }
    free(entries);
    return status;
}

/* The attempt that was under way under an expired lease has failed, and nobody else will say so. */
static void add_expired(struct changes *changes, const struct claimed *item)
{
    static const char message[] = "the lease ran out: the daemon that ran this attempt stopped, or "
                                  "lost its connection, before it "
                                  "could say what came of it";
    bool expired = item->job.expired_lease && item->job.expired_lease != lease_token_suspect();
    if (expired && item->verdict != CLAIM_RELEASE && item->verdict != CLAIM_KEEP)
        changes->errors[changes->error_count++] =
            (struct job_error){ item->job.id, item->job.attempts, message, sizeof message - 1 };
}

static void add_verdict(struct changes *changes, const struct claimed *item, int64_t *extended_us)
{
    const uint64_t id = item->job.id;

    switch (item->verdict) {
    case CLAIM_RUN:
        changes->leased[changes->leased_count++] = id;
        break;
    case CLAIM_SETTLE:
        changes_add_outcome(changes, &item->outcome);
        break;
    case CLAIM_PUT_OFF:
        changes->postponed[changes->postponed_count++] = (struct postponed){ id, 0,
                                                                             item->put_off_us, 0 };
        break;
    case CLAIM_KEEP:
        changes->extended[changes->extended_count++] = id;
        *extended_us = item->put_off_us;
        break;
    case CLAIM_DEAD:
        changes->letters[changes->letter_count++] =
            (struct dead_letter){ id, item->reason, item->message, strlen(item->message), 0 };
        break;
    case CLAIM_RELEASE:
        break;
    }
    add_expired(changes, item);
}

static enum db_status write_verdicts(struct db *db, const struct claim_request *request,
                                     struct claim *claim, uint64_t token, int64_t lease_us,
                                     struct error *error)
{
    struct changes_terms terms = { .worker = request->worker,
                                   .token = token,
                                   .lease_us = lease_us };
    struct changes changes;

    if (changes_init(&changes, claim->count) < 0) {
        error_set(error, "out of memory for what came of %zu jobs", claim->count);
        return DB_FATAL;
    }
    enum db_status status = spare_busy_keys(db, claim, error);
    for (size_t i = 0; status == DB_OK && i < claim->count; i++)
        add_verdict(&changes, &claim->items[i], &terms.extended_us);
    if (status == DB_OK)
        status = changes_write(db, &changes, &terms, error);
    changes_done(&changes);
    return status;
}

enum db_status claim_commit(struct db *db, const struct claim_request *request, struct claim *claim,
                            uint64_t token, int64_t lease_us, bool *ret_in_doubt,
                            struct error *error)
{
    enum db_status status = write_verdicts(db, request, claim, token, lease_us, error);
    status = transaction_end(db, status, ret_in_doubt, error);

    for (size_t i = 0; i < claim->count; i++) {
        struct claimed *item = &claim->items[i];
        if (item->verdict == CLAIM_RUN) {
            item->job.lease = token;
            item->job.attempts++;
        }
    }
    return status;
}
