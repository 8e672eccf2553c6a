#include "changes.h"

#include <errno.h>
#include <stdlib.h>

#include "lease_token.h"

int changes_init(struct changes *changes, size_t jobs)
{
    *changes = (struct changes){
        .done = calloc(jobs, sizeof *changes->done),
        .leased = calloc(jobs, sizeof *changes->leased),
        .extended = calloc(jobs, sizeof *changes->extended),
        .postponed = calloc(jobs, sizeof *changes->postponed),
        .letters = calloc(jobs, sizeof *changes->letters),
        .errors = calloc(jobs, sizeof *changes->errors),
    };
    if (changes->done && changes->leased && changes->extended && changes->postponed &&
        changes->letters && changes->errors)
        return 0;
    changes_done(changes);
    return -ENOMEM;
}

void changes_done(struct changes *changes)
{
    free(changes->done);
    free(changes->leased);
    free(changes->extended);
    free(changes->postponed);
    free(changes->letters);
    free(changes->errors);
    *changes = (struct changes){ 0 };
}

void changes_clear(struct changes *changes)
{
    changes->done_count = changes->leased_count = changes->extended_count = 0;
    changes->postponed_count = changes->letter_count = changes->error_count = 0;
}

void changes_add_outcome(struct changes *changes, const struct outcome *o)
{
    /* A leased attempt is charged when it begins and refunded if it should not count; one under a
     * row lock is charged here, if it should. */
    const int failed = o->lease ? 0 : 1;
    const int unspent = o->lease ? -1 : 0;

    switch (o->kind) {
    case OUTCOME_DONE:
        changes->done[changes->done_count++] = o->id;
        return;
    case OUTCOME_SNOOZE:
        changes->postponed[changes->postponed_count++] = (struct postponed){ o->id, unspent,
                                                                             o->delay_us, 0 };
        return;
    case OUTCOME_RELEASE:
        if (o->lease) /* else the row is as it was */
            changes->postponed[changes->postponed_count++] = (struct postponed){ o->id, unspent, 0,
                                                                                 0 };
        return;
    case OUTCOME_SUSPECT:
        changes->postponed[changes->postponed_count++] =
            (struct postponed){ o->id, unspent, 0, lease_token_suspect() };
        return;
    case OUTCOME_EXPIRE:
        changes->extended[changes->extended_count++] = o->id;
        return;
    case OUTCOME_RETRY:
        changes->postponed[changes->postponed_count++] = (struct postponed){ o->id, failed,
                                                                             o->delay_us, 0 };
        break;
    case OUTCOME_DEAD:
        changes->letters[changes->letter_count++] =
            (struct dead_letter){ o->id, o->reason, o->message, o->message_len, failed };
        break;
    }
    changes->errors[changes->error_count++] = (struct job_error){ o->id, o->attempt, o->message,
                                                                  o->message_len };
}

enum db_status changes_write(struct db *db, const struct changes *changes,
                             const struct changes_terms *terms, struct error *error)
{
    enum db_status status = job_rows_delete(db, changes->done, changes->done_count, error);
    if (status == DB_OK)
        status = job_rows_lease(db, changes->leased, changes->leased_count, terms->token,
                                terms->lease_us, error);
    if (status == DB_OK)
        status = job_rows_postpone(db, changes->postponed, changes->postponed_count, error);
    if (status == DB_OK)
        status = job_rows_extend(db, changes->extended, changes->extended_count, terms->extended_us,
                                 error);
    if (status == DB_OK)
        status = job_error_insert(db, terms->worker, changes->errors, changes->error_count, error);
    if (status == DB_OK)
        status = dead_letter_move(db, changes->letters, changes->letter_count, error);
    return status;
}
