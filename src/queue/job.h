#pragma once

#include <stddef.h>
#include <stdint.h>

enum job_state { JOB_INVALID = 0, JOB_READY = 1, JOB_PREPARED = 2 }; /* as the ENUM counts */

/* A row of dueq_job as a claim read it. Every pointer lives in the arena of the claim. */
struct job {
    uint64_t id;
    const char *kind;
    const char *payload; /* with a NUL behind it */
    size_t payload_len;
    const char *headers; /* NULL: none */
    size_t headers_len;
    const char *retry;      /* name of a policy, or NULL */
    const char *unique_key; /* NULL: none */
    size_t unique_key_len;
    enum job_state state;
    uint8_t priority;
    uint32_t attempts; /* attempts begun; once it is leased, the number of the one that is leased */
    uint32_t max_attempts;  /* 0: the policy's */
    uint64_t lease;         /* the token it is leased under; 0: it is not */
    uint64_t expired_lease; /* not 0: the claim found this lease on it, past its end; also
                               lease_token_suspect */
    int64_t created_at_us;  /* these three are the database's clock; 0: no date */
    int64_t due_at_us;
    int64_t claimed_at_us;
};
