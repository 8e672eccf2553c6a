#pragma once

#include <stddef.h>
#include <stdint.h>

#include "connection.h"

/* Why a job is dead; dueq_dead.reason. */
enum dead_reason {
    DEAD_HANDLER,   /* its handler said so */
    DEAD_EXHAUSTED, /* its last attempt failed */
    DEAD_EXPIRED,   /* the lease of its last attempt ran out: the daemon that ran it was never heard
                       of again */
    DEAD_CANCELLED, /* an operator did */
    DEAD_INVALID,   /* the row fits no rule */
    DEAD_CRASHED,   /* its handler crashed the daemon once too often */
};

const char *dead_reason_name(enum dead_reason reason);

struct dead_letter {
    uint64_t id;
    enum dead_reason reason;
    const char *message; /* valid UTF-8 */
    size_t message_len;
    int charge; /* 1: its last attempt is yet to be counted */
};

/* Moves the jobs from dueq_job to dueq_dead, within the transaction that is open, in which their
 * rows are locked already. */
enum db_status dead_letter_move(struct db *db, const struct dead_letter *letters, size_t count,
                                struct error *error) __attribute__((warn_unused_result));
