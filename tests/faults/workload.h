#pragma once

#include <stddef.h>
#include <stdint.h>

#include "scene.h"

/* Jobs of every sort that a queue has, and what must be true of them when all is over, whatever was
 * done to daemons, connections and servers meanwhile. What ran is known from the handler's journal,
 * which the database under test has no part in. */
struct workload {
    struct scene *scene;
    uint64_t first_id;
    size_t count;
};

/* What a test has done, for the line at its end. */
struct fault_tally {
    unsigned faults; /* injected */
    size_t jobs;
    size_t again; /* runs beyond those that the jobs asked for */
};

/* `count` jobs in one transaction, among them ones that succeed, take a while, fail once, give up,
 * fail until they are dead, and are finished later. */
void workload_insert(struct workload *workload, struct scene *scene, size_t count);

/* Every one is done or dead. */
void workload_wait(const struct workload *workload, int limit_s);

/* Each has run, is in no table or where it belongs, and its errors add up; and `dueq fsck` agrees.
 * faults: how many there were, each of which may have cost attempts. */
void workload_check(const struct workload *workload, unsigned faults, struct fault_tally *tally);

/* "2 faults, 48 jobs: none lost, 3 run again" */
void fault_tally_print(const struct fault_tally *tally);
