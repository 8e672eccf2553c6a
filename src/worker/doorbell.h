#pragma once

struct source;

/* The thread that follows the binlog of a source's server and rings when jobs are committed, so
 * that a plain INSERT is picked up at once. It is a help and no more: without it, and while it does
 * not work, the queues are polled, and it says in the log why once. It works on a connection of its
 * own, from the time when the source is ready, and rings every queue whenever it begins to work.
 *
 * What rings is read from the binlog, from which queue and when a job is due. The look that follows
 * asks the database, so a ring too many does no harm, but costs a statement. */
struct doorbell;

/* Only where the source's configuration asks for it; *ret_doorbell is NULL where it does not. */
int doorbell_start(struct source *source, struct doorbell **ret_doorbell)
    __attribute__((warn_unused_result));

/* Has it end, without waiting, whatever it waits for itself. Takes NULL, as the next. */
void doorbell_end(struct doorbell *doorbell);
void doorbell_join(struct doorbell *doorbell); /* ends it, and frees it */
