#pragma once

#include <stdint.h>

/* A lease token: the id of the worker that made it, above a number that it never used before. */
enum { LEASE_TOKEN_WORKER_SHIFT = 40 };

/* sequence: only its lower bits count. Never 0, which would read as no lease. */
static inline uint64_t lease_token(uint64_t worker_id, uint64_t sequence)
{
    uint64_t token = worker_id << LEASE_TOKEN_WORKER_SHIFT |
                     (sequence & ((UINT64_C(1) << LEASE_TOKEN_WORKER_SHIFT) - 1));
    return token ? token : 1;
}

/* No worker's: on the row of a job that is free and due, and whose next attempt is to be charged
 * when it begins (OUTCOME_SUSPECT). */
static inline uint64_t lease_token_suspect(void)
{
    return lease_token(0, 1);
}

static inline uint64_t lease_token_worker(uint64_t token)
{
    return token >> LEASE_TOKEN_WORKER_SHIFT;
}
