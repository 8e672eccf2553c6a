#pragma once

#include <stddef.h>
#include <stdint.h>

#include "connection.h"

/* Is a job still ours? Of a leased one the token and the attempt in the row say so: whoever claims
 * it after us, and a producer who replaces it, changes the token. Of one that was run under a row
 * lock that is lost, it is that nobody has touched it since: it is free, its attempt is not
 * charged, and it is due when it was. */
enum fence_state {
    FENCE_UNKNOWN,
    FENCE_HELD,   /* ours, and its row is now locked by this transaction */
    FENCE_LOCKED, /* ours as far as can be read, but another transaction has its row locked */
    FENCE_LOST,   /* gone, taken over, or replaced */
};

struct fence {
    uint64_t id;
    uint64_t lease; /* 0: there is none */
    uint32_t attempt;
    enum fence_state state; /* FENCE_UNKNOWN, to be found out; see fence_lock */
    int64_t due_at_us;      /* with lease 0: what next_run_at says */
};

/* Locks the rows that are still ours, within the transaction that is open, without waiting for a
 * lock, and sets the states. An entry that is FENCE_LOCKED already is not tried, only looked at: it
 * stays so or is FENCE_LOST. The fences come back sorted, as by fence_read, for fence_find. */
enum db_status fence_lock(struct db *db, struct fence *fences, size_t count, struct error *error)
    __attribute__((warn_unused_result));

/* Among sorted ones; NULL: none. */
struct fence *fence_find(struct fence *fences, size_t count, uint64_t id, uint64_t lease,
                         uint32_t attempt);

/* Sets the states FENCE_HELD or FENCE_LOST by a plain read that locks nothing. */
enum db_status fence_read(struct db *db, struct fence *fences, size_t count, struct error *error)
    __attribute__((warn_unused_result));
