#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "connection.h"

/* The row of a daemon in dueq_worker: who is alive. Its id is the upper part of the daemon's lease
 * tokens, so that a leased job shows whose it is. */

/* name: host:pid, valid UTF-8. */
enum db_status worker_row_insert(struct db *db, const char *name, const char *version,
                                 uint64_t *ret_id, struct error *error)
    __attribute__((warn_unused_result));

/* status: JSON text. DB_NO_ROW: the row is gone (another server, or cleaned up after a long
 * silence). */
enum db_status worker_row_heartbeat(struct db *db, uint64_t id, const char *status, size_t len,
                                    struct error *error) __attribute__((warn_unused_result));
/* Whether another worker has shown itself lately. */
enum db_status worker_row_has_company(struct db *db, uint64_t id, bool *ret_has,
                                      struct error *error) __attribute__((warn_unused_result));
enum db_status worker_row_delete(struct db *db, uint64_t id, struct error *error)
    __attribute__((warn_unused_result));
