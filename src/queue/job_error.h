#pragma once

#include <stddef.h>
#include <stdint.h>

#include "connection.h"

/* A row of dueq_error: one failed attempt. */
struct job_error {
    uint64_t job_id;
    uint32_t attempt;
    const char *message; /* valid UTF-8 */
    size_t message_len;
};

/* worker: who writes it, host:pid. Within the transaction that is open, if one is. */
enum db_status job_error_insert(struct db *db, const char *worker, const struct job_error *errors,
                                size_t count, struct error *error)
    __attribute__((warn_unused_result));
