#pragma once

#include <stdbool.h>

#include "connection.h"

struct source;

/* What dead daemons of this host were doing with the source, as their ledgers say, is put right:
 * the job that brought a daemon down is charged the attempt, and it alone; what had not begun is
 * given back; what ran besides is run again, under a lease. Where a daemon is gone and no job is to
 * blame (killed, out of memory), the leases of what ran end at once, and the attempts count.
 *
 * The keeper's, on its connection, before the lanes claim. *ret_more: rows are locked still, by the
 * dead daemon's own transactions perhaps; to be called again. */
enum db_status crash_recovery_run(struct source *source, struct db *db, bool *ret_more,
                                  struct error *error) __attribute__((warn_unused_result));
