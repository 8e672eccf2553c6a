#pragma once

#include <stdbool.h>

#include "connection.h"

/* Do the row locks of this server reach everybody who writes to its tables? Not in a Galera
 * cluster, whose nodes know only their own, nor in a MySQL group with several primaries: there a
 * job is kept from others by a committed lease alone. */
enum db_status lock_reach_read(struct db *db, bool *ret_reaches_all, struct error *error)
    __attribute__((warn_unused_result));
