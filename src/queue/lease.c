#include "lease.h"

#include <stdlib.h>

#include "job_rows.h"
#include "transaction.h"

static enum db_status write_held(struct db *db, const struct fence *fences, size_t count,
                                 int64_t lease_us, struct error *error)
{
    uint64_t *ids = calloc(count, sizeof *ids);
    size_t held = 0;

    if (!ids) {
        error_set(error, "out of memory");
        return DB_FATAL;
    }
    for (size_t i = 0; i < count; i++)
        if (fences[i].state == FENCE_HELD)
            ids[held++] = fences[i].id;
    enum db_status status = job_rows_extend(db, ids, held, lease_us, error);
    free(ids);
    return status;
}

enum db_status lease_renew(struct db *db, struct fence *fences, size_t count, int64_t lease_us,
                           struct error *error)
{
    if (count == 0)
        return DB_OK;
    enum db_status status = transaction_begin(db, error);
    if (status != DB_OK)
        return status;
    status = fence_lock(db, fences, count, error);
    if (status == DB_OK)
        status = write_held(db, fences, count, lease_us, error);
    return transaction_end(db, status, NULL, error);
}
