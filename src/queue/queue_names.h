#pragma once

#include <stddef.h>

#include "arena.h"
#include "connection.h"

/* The names of the queues that hold jobs, in order: one look-up in the index for each, whatever the
 * size of the table. The array and the names live in the arena. */
enum db_status queue_names_read(struct db *db, struct arena *arena, const char *const **ret_names,
                                size_t *ret_count, struct error *error)
    __attribute__((warn_unused_result));
