#pragma once

#include <stdint.h>

/* A lease token: the id of the worker that made it, above a number that it never used before. */
enum { LEASE_TOKEN_WORKER_SHIFT = 40 };

static inline uint64_t lease_token_worker(uint64_t token)
{
    return token >> LEASE_TOKEN_WORKER_SHIFT;
}
