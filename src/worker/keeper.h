#pragma once

#include <stdint.h>

struct source;

/* The thread that keeps a source's books: checks the server and the schema before any lane claims,
 * registers the daemon in dueq_worker and beats its heart, reads dueq_queue, renews the leases of
 * jobs that take long, notices the ones that were taken away, and deletes what is past its time. It
 * has a connection of its own. */
struct keeper;

int keeper_start(struct source *source, struct keeper **ret_keeper)
    __attribute__((warn_unused_result));
void keeper_join(struct keeper *keeper); /* after source->lanes_ended; takes NULL */
int64_t keeper_beat_us(const struct keeper *keeper);
