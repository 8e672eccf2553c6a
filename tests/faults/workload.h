#pragma once

#include <stddef.h>
#include <stdint.h>

#include "scene.h"

/* Jobs of every sort that a queue has, and what must be true of them when all is over, whatever was
 * done to daemons, connections and servers meanwhile. What was inserted is noted in a table beside
 * the jobs, in the same transaction, as business data is; what ran is known from the handler's
 * journal, which the database under test has no part in. */

/* What a test has done, for the line at its end. */
struct fault_tally {
    unsigned faults; /* injected */
    uint64_t jobs;
    uint64_t again; /* runs beyond those that the jobs asked for */
};

/* Nothing is expected yet, and nothing has run. */
void workload_begin(const struct scene *scene);

/* `count` jobs in one transaction, among them ones that succeed, take a while, fail once, give up,
 * fail until they are dead, and are finished later. connection: root's, to the scene's database. 0
 * or the server's error number, as sql_try: then they are in both tables or in none. */
unsigned workload_insert(MYSQL *connection, size_t count);

/* Every one is done or dead. */
void workload_wait(const struct scene *scene, int limit_s);

/* Each has run, is in no table or where it belongs, and its errors add up; and `dueq fsck` agrees.
 * faults: how many there were, each of which may have cost attempts. */
void workload_check(const struct scene *scene, unsigned faults, struct fault_tally *tally);

/* "2 faults, 48 jobs: none lost, 3 run again" */
void fault_tally_print(const struct fault_tally *tally);

void rest(long ms);
