#pragma once

#include <stdint.h>

#include "channel.h"
#include "dueq_handler.h"
#include "registry.h"

/* The slots of this process: threads that run one job at a time each, as dueqd sends them. */
struct slots;

/* What runs them; borrowed. */
struct slot_handler {
    const struct dueq_handler *handler;
    void *instance;
    int64_t cpu_us; /* of the process, that a job may take; 0: no limit */
    int control;    /* where a thread that brings the process down says so */
};

/* What the plugin's host table does with a job of theirs. */
extern const struct handler_callbacks slot_callbacks;

/* fd: the first of `count` that follow each other. 0 or a negative errno. */
int slots_start(const struct slot_handler *handler, int fd, uint32_t count,
                struct slots **ret_slots) __attribute__((warn_unused_result));

/* Returns when dueqd has closed their channels, and frees them. */
void slots_join(struct slots *slots);
