#pragma once

#include "connection.h"
#include "fence.h"

/* Makes the leases that are still ours last lease_us from now, in one transaction that waits for no
 * lock, and sets the state of each: FENCE_HELD renewed, FENCE_LOCKED not now (another transaction
 * has the row), FENCE_LOST gone. The fences come back sorted by id. */
enum db_status lease_renew(struct db *db, struct fence *fences, size_t count, int64_t lease_us,
                           struct error *error) __attribute__((warn_unused_result));
