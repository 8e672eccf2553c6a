#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "connection.h"

enum { PRIORITIES = 10 };

/* What is due in a queue, by priority, and when the next job will be. */
struct probe {
    bool due[PRIORITIES];
    bool any_due;
    int64_t next_us; /* until the earliest row that is not due yet is; INT64_MAX: there is none */
};

/* One statement that reads at most one index entry for each priority, whatever the statistics say.
 * Locks nothing. */
enum db_status probe_queue(struct db *db, const char *queue, struct probe *ret_probe,
                           struct error *error) __attribute__((warn_unused_result));
