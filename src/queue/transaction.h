#pragma once

#include "connection.h"

/* START TRANSACTION, COMMIT and ROLLBACK, and the rule that after a failure whose transaction is
 * still open it is rolled back at once. */
enum db_status transaction_begin(struct db *db, struct error *error)
    __attribute__((warn_unused_result));
enum db_status transaction_commit(struct db *db, struct error *error)
    __attribute__((warn_unused_result));

/* Takes the status of what was done in the transaction. DB_OK commits; else rolls back, unless the
 * connection is lost, and returns `status`. *ret_in_doubt (may be NULL): the connection was lost in
 * the COMMIT itself, so it may have happened. */
enum db_status transaction_end(struct db *db, enum db_status status, bool *ret_in_doubt,
                               struct error *error) __attribute__((warn_unused_result));
