#pragma once

#include <stdbool.h>
#include <stdint.h>

struct source;

/* What the doorbell tells a source. Any thread. */

/* `jobs` were committed to the queue (NULL: to any of them), the first due in in_us microseconds or
 * a little later, 0 or less being now. A queue that this daemon does not serve is none of ours. */
void source_ring(struct source *source, const char *queue, int64_t in_us, uint64_t jobs);

/* dueq_queue was changed: what is paused, and the limits. */
void source_ring_control(struct source *source);

/* Whether every job that is committed rings, now. */
void source_set_doorbell(struct source *source, bool works);
