#pragma once

#include <stdint.h>

/* What a queue has heard of jobs that came, and when to look because of it; beside what probes and
 * the poll interval say, so that a ring in the middle of a look is not lost. Pure; the source
 * guards it with its own lock, with the agenda. Times are clock_now_us's. */
struct ring {
    int64_t look_us;   /* when to look; 0: nothing was heard since the last look */
    int64_t looked_us; /* when that began, for whatever reason */
    int64_t heard_us;  /* when jobs were last said to be due at once */
    uint64_t owed;     /* so many of them were not claimed since, here */
};

/* `jobs` have been committed, of which the first is due in in_us (0: now). However often that is
 * said, no two looks because of it begin within RING_APART_US. */
void ring_hear(struct ring *ring, int64_t now_us, int64_t in_us, uint64_t jobs);
enum { RING_APART_US = 2000 };

int64_t ring_look_us(const struct ring *ring); /* INT64_MAX: no reason to */

void ring_looked(struct ring *ring, int64_t now_us); /* a look begins */
void ring_claimed(struct ring *ring, uint64_t jobs); /* it has found jobs */

/* It has found nothing due. The server tells replicas of a commit a moment before other sessions
 * see its rows, longer where it waits for a replica of its own in between (semi-sync): what was
 * heard of and was not found is looked for a few times again, with growing pauses, for half a
 * second. Another daemon may have had it. */
void ring_found_nothing(struct ring *ring, int64_t now_us);
