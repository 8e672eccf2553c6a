#pragma once

#include <stddef.h>

#include "connection.h"
#include "link.h"
#include "list.h"
#include "settle.h"
#include "source.h"

/* The settling half of a lane: tasks with outcomes in, nothing or deferred tasks out.
 * Zero-initialise it. */
struct lane_settle {
    struct outcome *outcomes; /* SETTLE_MAX of them, once needed */
    struct task **tasks;      /* whose, in the same order until settle_outcomes has run */
    struct log_limit fenced_log, refused_log;
};

void lane_settle_done(struct lane_settle *settle);

/* Settles the tasks (takes all of them). db NULL: there is no connection, they are put back for
 * later. */
void lane_settle_tasks(struct lane_settle *settle, struct source *source, struct link *link,
                       struct db *db, struct list *tasks);
