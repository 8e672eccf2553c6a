#pragma once

/* The thread that owns the processes of a struct children. Ends when `closing` is set and the last
 * child is collected. */
void *keeper_run(void *children);

struct children;

/* Makes the keeper look; any thread, with the lock or without it. */
void keeper_ring(const struct children *children);
