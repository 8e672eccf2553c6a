#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "worker_list.h"

/* What a daemon says of itself with each heartbeat, dueq_worker.status. It is data like any other:
 * what is missing or of another type counts as nothing. */
struct worker_status {
    const struct worker_view *view;
    json_t *json; /* an object, empty where there is none; owned */
};

void worker_status_init(struct worker_status *status, const struct worker_view *view);
void worker_status_done(struct worker_status *status);

/* "running", "draining"; "stale" for one that has been silent too long; "starting" before its first
 * heartbeat. */
const char *worker_status_state(const struct worker_status *status);

/* Live, and has a pool for the queue? */
bool worker_status_serves(const struct worker_status *status, const char *queue);

/* Over all its queues: "running", "pending", "waiting", "threads". */
uint64_t worker_status_sum(const struct worker_status *status, const char *gauge);

/* Its doorbell: "off", "works" or "silent"; "-" where it does not say. */
const char *worker_status_doorbell(const struct worker_status *status);

/* Adds its kinds without a handler to an object of counts. */
void worker_status_add_unbound(const struct worker_status *status, json_t *counts);
