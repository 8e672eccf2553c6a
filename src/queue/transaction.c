#include "transaction.h"

enum db_status transaction_begin(struct db *db, struct error *error)
{
    return db_run(db, "START TRANSACTION", error);
}

enum db_status transaction_commit(struct db *db, struct error *error)
{
    return db_run(db, "COMMIT", error);
}

enum db_status transaction_end(struct db *db, enum db_status status, bool *ret_in_doubt,
                               struct error *error)
{
    if (ret_in_doubt)
        *ret_in_doubt = false;
    if (status == DB_OK) {
        status = transaction_commit(db, error);
        if (status == DB_LOST && ret_in_doubt)
            *ret_in_doubt = true;
        return status;
    }
    if (status == DB_LOST)
        return status;

    /* A ROLLBACK that fails leaves a connection in an unknown state: LOST makes the caller open
     * another. */
    struct error rollback_error;
    return db_run(db, "ROLLBACK", &rollback_error) == DB_OK ? status : DB_LOST;
}
