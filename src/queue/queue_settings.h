#pragma once

#include <stdint.h>

#include "connection.h"

/* Changing what stands in dueq_queue, which the daemons look at every second or so. */

enum setting_change {
    SETTING_KEEP,
    SETTING_SET,
    SETTING_CLEAR, /* the column becomes NULL: as configured, or no limit */
};

struct queue_settings {
    enum setting_change paused; /* SETTING_SET pauses, SETTING_CLEAR resumes */
    enum setting_change change_concurrency;
    uint32_t concurrency;
    enum setting_change change_rate;
    uint32_t rate;
};

enum db_status queue_settings_write(struct db *db, const char *queue,
                                    const struct queue_settings *settings, struct error *error)
    __attribute__((warn_unused_result));
