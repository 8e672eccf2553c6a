#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "connection.h"

enum { PRIORITIES = 10 };
enum { PROBE_QUEUES_MAX = 20 }; /* in one statement */

struct probe_request {
    const char *queue;
    int64_t from_us[PRIORITIES]; /* nothing before it is looked at; the database's clock; 0: all is
                                  */
    int64_t after_us; /* only what is due after it is looked at, whatever from_us says; 0: no
                         such limit */
};

/* What is due in a queue, by priority, and when the next job will be. */
struct probe {
    bool due[PRIORITIES];
    bool any_due;
    int64_t first_us[PRIORITIES]; /* of the earliest row, due or not, by the database's clock; 0:
                                     there is none, or it is no date */
    int64_t next_us;   /* until the earliest row that is not due yet is; INT64_MAX: there is none */
    int next_priority; /* of that row */
    int64_t now_us;    /* when that was so, by the database's clock; 0: there is no row */
};

/* One statement for at most PROBE_QUEUES_MAX queues, that reads at most one index entry for each
 * priority of each, whatever the statistics say. Locks nothing. probes: one for each request. */
enum db_status probe_queues(struct db *db, const struct probe_request *requests, size_t count,
                            struct probe *ret_probes, struct error *error)
    __attribute__((warn_unused_result));
