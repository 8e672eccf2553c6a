#pragma once

#include <stddef.h>

#include "ledger_file.h"

/* What dead daemons of this state directory left in their ledgers, until it has been dealt with:
 * each source sees to its own part. */
struct remains_store;

/* Takes all that is there: before this process has a ledger of its own in the directory. 0 or a
 * negative errno. */
int remains_new(const char *directory, struct remains_store **ret_store, struct error *error)
    __attribute__((warn_unused_result));
/* What has not been dealt with stays, for the next daemon. Takes NULL. */
void remains_free(struct remains_store *store);

/* What one dead daemon left of a source. */
struct remains {
    char worker[LEDGER_WORKER_SIZE]; /* host:pid */
    int signal;                      /* that it died by; 0: not known */
    bool attributed;                 /* to a job, of this source or of another */
    struct ledger_entry *workers;    /* LEDGER_WORKER */
    size_t worker_count;
    struct ledger_entry *jobs; /* LEDGER_JOB */
    size_t job_count;
    struct ledger_lease *leases; /* LEDGER_WAITING and LEDGER_BEGUN */
    size_t lease_count;
    struct ledger_file *file;
};

/* The next one's; NULL: there is none, or no memory. Any thread. Takes a NULL store. */
struct remains *remains_find(struct remains_store *store, const char *source_id);
/* They have been dealt with. */
void remains_forget(struct remains_store *store, const struct remains *remains);
void remains_release(struct remains *remains); /* takes NULL */
