#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "connection.h"

/* What an operator set in dueq_queue. */
struct queue_control {
    char queue[65];
    bool paused;          /* also where concurrency or rate is set to 0 */
    uint32_t concurrency; /* 0: not set */
    uint32_t rate;        /* jobs a second; 0: not set */
};

/* *ret_controls is the caller's to free. */
enum db_status queue_control_read(struct db *db, struct queue_control **ret_controls,
                                  size_t *ret_count, struct error *error)
    __attribute__((warn_unused_result));
