#pragma once

#include <stddef.h>
#include <stdint.h>

#include "row_text.h"

/* Looking at dead letters, for people: nothing is locked. */

/* Which ones. Zero-initialised, with the two ages -1, it is all. */
struct dead_filter {
    const uint64_t *dead_ids; /* only these; NULL: any */
    size_t dead_id_count;
    uint64_t job_id;       /* 0: any */
    const char *kind;      /* exact, or a prefix that ends in ".*"; NULL: any */
    const char *queue;     /* NULL: any */
    const char *reason;    /* as dead_reason_name; NULL: any */
    const char *error;     /* is part of the message, upper and lower case told apart; NULL: any */
    int64_t older_than_us; /* died at least so long ago; -1: any */
    int64_t newer_than_us; /* died at most so long ago; -1: any */
};

/* Appends " WHERE …" on dueq_dead. */
void dead_filter_append(struct db *db, struct buffer *sql, const struct dead_filter *filter);

/* A row of dueq_dead. Times are the database's clock, in microseconds since 1970; 0: no date. */
struct dead_view {
    uint64_t dead_id;
    uint64_t id; /* the job's */
    struct row_text queue;
    struct row_text kind;
    struct row_text state;
    uint8_t priority;
    uint32_t attempts;
    uint32_t max_attempts;        /* 0: the retry policy's */
    struct row_text retry;        /* NULL: the kind's */
    struct row_text unique_key;   /* NULL: none */
    struct row_text ordering_key; /* NULL: none */
    struct row_text headers;      /* NULL: none */
    struct row_text payload;      /* its beginning */
    uint64_t payload_len;         /* in bytes, of the whole */
    int64_t next_run_at_us;
    int64_t created_at_us;
    int64_t died_at_us;
    int64_t now_us;
    struct row_text reason;
    struct row_text message;
};

/* The latest first, with the first `payload_chars` characters of their payloads. */
enum db_status dead_list(struct db *db, const struct dead_filter *filter, uint64_t limit,
                         uint32_t payload_chars, struct arena *arena, struct dead_view **ret_dead,
                         size_t *ret_count, struct error *error)
    __attribute__((warn_unused_result));

/* How many there are of a kind that died for one reason. */
struct dead_group {
    struct row_text kind;
    struct row_text reason;
    uint64_t count;
};

/* All that the filter lets through, by kind and reason. */
enum db_status dead_count(struct db *db, const struct dead_filter *filter, struct arena *arena,
                          struct dead_group **ret_groups, size_t *ret_count, struct error *error)
    __attribute__((warn_unused_result));
