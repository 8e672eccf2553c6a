#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "connection.h"

/* A job as a producer would insert it. What is NULL, or negative, is left to the column's default.
 */
struct new_job {
    const char *queue;
    const char *kind;
    const char *payload;
    size_t payload_len;
    const char *headers; /* JSON */
    int priority;        /* -1: the default */
    int64_t delay_us;    /* from now, by the database's clock; -1: none given */
    int64_t at_us;       /* since 1970, in UTC; -1: none given. Not together with a delay */
    int64_t max_attempts;
    const char *retry;
    const char *unique_key;
    const char *ordering_key;
};

/* *ret_id: the new job's, or, where *ret_absorbed, that of the living job that has its unique_key
 * (0: it ended just now). DB_CONSTRAINT: the database refuses a value. */
enum db_status job_insert(struct db *db, const struct new_job *job, uint64_t *ret_id,
                          bool *ret_absorbed, struct error *error)
    __attribute__((warn_unused_result));
