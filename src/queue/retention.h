#pragma once

#include <stdint.h>

#include "connection.h"

/* Deletes one small batch of what is no longer wanted: rows of dueq_error older than
 * keep_errors_us, and workers silent for a day. *ret_more: there may be more to delete at once. */
enum db_status retention_run(struct db *db, int64_t keep_errors_us, bool *ret_more,
                             struct error *error) __attribute__((warn_unused_result));
