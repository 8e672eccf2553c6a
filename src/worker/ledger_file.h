#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "error.h"

/* What a daemon is doing, in a file that outlives it: memory-mapped tables, in the state directory.
 * A daemon makes a file of its own and keeps it locked for as long as it lives, and removes it when
 * it ends in an orderly way. One that is there and not locked is what a daemon left that did not.
 *
 * Writing an entry is writing memory: nothing is waited for, and what was written is there however
 * the process ends, though not if the machine does. */

enum {
    LEDGER_ENTRIES = 4096,   /* of workers and threads, together */
    LEDGER_LEASES = 32768,   /* jobs under a lease */
    LEDGER_NAME_SIZE = 65,   /* a queue's, kind's or handler's, with its NUL */
    LEDGER_SOURCE_SIZE = 37, /* a source's UUID, likewise */
    LEDGER_WORKER_SIZE = 256,
};

/* The state of an entry or a lease is written last, so that all else is there when it says so. */
enum ledger_state {
    LEDGER_FREE,
    LEDGER_WORKER,  /* entry: the daemon is worker_id of a source */
    LEDGER_IDLE,    /* entry: a thread's, which runs no job */
    LEDGER_JOB,     /* entry: a thread's, which runs one */
    LEDGER_WAITING, /* lease: the job has not begun */
    LEDGER_BEGUN,   /* lease: it has, and is not settled yet */
};

struct ledger_entry {
    _Atomic uint32_t state;
    _Atomic int32_t signal; /* the one that its thread ended the process by; 0: it did not */
    uint32_t attempt;       /* the number of the one that runs */
    uint32_t reserved;
    uint64_t worker_id; /* LEDGER_WORKER */
    uint64_t job_id;    /* LEDGER_JOB, as all below but the source */
    int64_t due_at_us;  /* what next_run_at was when it was claimed */
    char source_id[LEDGER_SOURCE_SIZE];
    char kind[LEDGER_NAME_SIZE];
    char handler[LEDGER_NAME_SIZE];
};

struct ledger_lease {
    _Atomic uint32_t state;
    uint32_t attempt;
    uint64_t job_id;
    uint64_t token;
    uint32_t worker; /* index of the entry of the worker whose it is */
    uint32_t reserved;
};

/* How the process ended, if a signal handler of ours could tell. */
struct ledger_crash {
    _Atomic int32_t signal;     /* 0: it could not */
    _Atomic int32_t attributed; /* to the job of an entry, which has the signal too */
};

struct ledger_file;

/* Makes a file in the directory, locked and with its space allocated: a disk that is full later
 * does no harm. 0 or a negative errno. */
int ledger_file_new(const char *directory, const char *worker, struct ledger_file **ret_file,
                    struct error *error) __attribute__((warn_unused_result));

/* Takes the next file in the directory that a dead daemon left: locks it, so that nobody else does.
 * 0 with *ret_file = NULL: there is none, or no more. */
int ledger_file_take(const char *directory, struct ledger_file **ret_file, struct error *error)
    __attribute__((warn_unused_result));

struct ledger_entry *ledger_file_entries(struct ledger_file *file); /* LEDGER_ENTRIES of them */
struct ledger_lease *ledger_file_leases(struct ledger_file *file);  /* LEDGER_LEASES of them */
struct ledger_crash *ledger_file_crash(struct ledger_file *file);
const char *ledger_file_worker(const struct ledger_file *file); /* host:pid */

/* With its file; for who is through with it. Takes NULL. */
void ledger_file_remove(struct ledger_file *file);
/* The file stays, for the next daemon. Takes NULL. */
void ledger_file_free(struct ledger_file *file);
