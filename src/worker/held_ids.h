#pragma once

#include <stddef.h>
#include <stdint.h>

#include "list.h"

struct round;
struct source;

/* The jobs that a lane runs under row locks, known to the other lanes of the source. A lane that
 * has locked such a row itself knows by that, sooner than the one that runs it, that the lock was
 * lost: and must not begin the job a second time. */
struct held_ids {
    struct list_node node;  /* in source->holds */
    const uint64_t *sorted; /* in the arena of the round */
    size_t count;
};

/* Makes known what the round is about to hold, and releases rows that another lane runs already.
 * Returns how many those are. */
size_t held_ids_enter(struct source *source, struct round *round);

/* The round's tasks are settled, leased, or in flight. */
void held_ids_leave(struct source *source, struct round *round);
