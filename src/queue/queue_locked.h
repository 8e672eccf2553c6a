#pragma once

#include <stdint.h>

#include "connection.h"

enum { QUEUE_LOCKED_AGE_US = 1000000 }; /* due for so long: a daemon would have come by */

/* Of the oldest jobs of each priority that have been due for a while, how many does another
 * transaction hold locked, and not just for the moment of a claim? They are due, but nobody can
 * claim them. 0 where that cannot be found out: a user who may only read, a replica. DB_OK, or
 * DB_LOST. */
enum db_status queue_locked_count(struct db *db, const char *queue, uint32_t *ret_locked,
                                  struct error *error) __attribute__((warn_unused_result));
