#pragma once

#include <jansson.h>

#include "cli.h"
#include "queue_control.h"
#include "queue_status.h"
#include "worker_status.h"

/* All that `dueq status` knows, gathered from jobs, dead letters, settings and workers. */
struct overview {
    struct overview_queue {
        const char *name;
        struct queue_status status;
        struct queue_count dead;
        struct queue_control control;
        unsigned workers; /* live ones that serve it */
    } * queues;
    size_t queue_count, queue_size;
    struct worker_status *workers;
    size_t worker_count;
    json_t *unbound; /* kind → count */
    json_t *hints;   /* what an operator should look at: sentences */
};

/* Zero-initialise it; overview_done also after a failure. */
enum db_status overview_read(struct cli *cli, bool exact, struct overview *overview,
                             struct error *error) __attribute__((warn_unused_result));
void overview_done(struct overview *overview);
