#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "claim.h"

/* The second half of a claim: what it writes. */

/* Writes the verdicts and commits. For each CLAIM_RUN item job.lease and job.attempts are set to
 * what the row says then. An attempt whose lease ran out is recorded in dueq_error. An item whose
 * unique key is a producer's just then is not removed: a CLAIM_DEAD one becomes CLAIM_RELEASE (it
 * dies in a later claim), and a CLAIM_SETTLE one CLAIM_RUN (its outcome is settled later, under the
 * lease).
 *
 * *ret_in_doubt: the connection was lost in the COMMIT; the items carry what the row says if it
 * happened. */
enum db_status claim_commit(struct db *db, const struct claim_request *request, struct claim *claim,
                            uint64_t token, int64_t lease_us, bool *ret_in_doubt,
                            struct error *error) __attribute__((warn_unused_result));
