#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "row_text.h"

/* Silent for longer than this, a worker is stale: it writes a heartbeat every few seconds. */
enum { WORKER_STALE_US = 30 * 1000000 };

/* A row of dueq_worker. Times are the database's clock, in microseconds since 1970. */
struct worker_view {
    uint64_t worker_id;
    struct row_text name; /* host:pid */
    struct row_text version;
    int64_t started_at_us;
    int64_t seen_at_us;
    int64_t now_us;
    bool stale;
    struct row_text status; /* JSON, as the worker wrote it; NULL: nothing yet */
};

/* In the order of their ids. */
enum db_status worker_list_read(struct db *db, struct arena *arena,
                                struct worker_view **ret_workers, size_t *ret_count,
                                struct error *error) __attribute__((warn_unused_result));
