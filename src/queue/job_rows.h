#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "connection.h"
#include "outcome.h"

/* The statements that change rows of dueq_job, each driven by a list of ids. Within the transaction
 * that is open, in which the rows are locked already, and, for job_rows_delete, their key_entry. */

/* The entry of a job's unique key in its index. A producer's INSERT … ON DUPLICATE KEY UPDATE locks
 * the entry first and the row after it; a DELETE of a row that is locked does it the other way
 * round, and then one of them is the victim of a deadlock: the producer, with its whole business
 * transaction. So who is going to delete rows locks the entries before, without waiting. */
struct key_entry {
    uint64_t id;
    const char *key; /* NULL: none, nothing to lock */
    size_t key_len;
    bool locked;
};

/* Sets `locked` of each entry that could be locked and is the job's, and of those without a key. */
enum db_status job_rows_lock_keys(struct db *db, struct key_entry *entries, size_t count,
                                  struct error *error) __attribute__((warn_unused_result));

enum db_status job_rows_delete(struct db *db, const uint64_t *ids, size_t count,
                               struct error *error) __attribute__((warn_unused_result));

/* The same of leased rows that are not locked yet, each only if it is that attempt's still, and
 * without waiting for a lock: where one is in the way, DB_RETRY, and nothing is deleted. MariaDB
 * alone can do that. *ret_deleted: how many there were. */
enum db_status job_rows_delete_leased(struct db *db, const struct outcome *const *outcomes,
                                      size_t count, uint64_t *ret_deleted, struct error *error)
    __attribute__((warn_unused_result));

/* attempts + 1, and due again when the lease ends. */
enum db_status job_rows_lease(struct db *db, const uint64_t *ids, size_t count, uint64_t token,
                              int64_t lease_us, struct error *error)
    __attribute__((warn_unused_result));

/* Due again that much later; lease and attempts stay. */
enum db_status job_rows_extend(struct db *db, const uint64_t *ids, size_t count, int64_t lease_us,
                               struct error *error) __attribute__((warn_unused_result));

struct postponed {
    uint64_t id;
    int charge; /* to its attempts: 1 for one that is counted only now, -1 for one that is taken
                   back */
    int64_t delay_us;
    uint64_t lease; /* the token that the row has from then on; 0: none */
};

/* Ends the leases of the jobs and makes them due after their delay. A date past the end of
 * TIMESTAMP becomes its last one. */
enum db_status job_rows_postpone(struct db *db, const struct postponed *jobs, size_t count,
                                 struct error *error) __attribute__((warn_unused_result));
