#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* As far as we know nothing that is due lies before it, in one priority of a queue. It keeps claims
 * from reading again what is deleted but not purged yet, at the head of the index. A transaction
 * that commits late may insert behind it, and so every while the queue is looked at without it.
 *
 * Where several daemons claim from one long backlog, each of them would step over the rows that the
 * others have claimed meanwhile, one after the other. What they took between our last two claims is
 * about what they take until the next, and most of that is passed over at once. Should some of it
 * be free, because another daemon has ended, the look without the watermark finds it. */
struct watermark {
    int64_t from_us;    /* where the next claim begins; of the database's clock; 0: unknown */
    int64_t reached_us; /* where the last one ended, if it was full; 0: unknown */
    int64_t others_us;  /* how far ahead of that the next one found its first row */
};

/* What one claim found. */
struct watermark_claim {
    size_t count;
    bool full;        /* as many as it asked for: there may be more */
    int64_t first_us; /* next_run_at of the first one */
    int64_t last_us;  /* and of the last one */
    bool has_company; /* other daemons work on this database */
};

/* False: what was passed over has to be claimed before nothing is left. */
bool watermark_claimed(struct watermark *watermark, const struct watermark_claim *claim);

/* The earliest row that is due lies there, before or behind the watermark. */
void watermark_set(struct watermark *watermark, int64_t us);

/* Before this nothing is due, whatever was passed over. */
int64_t watermark_known_us(const struct watermark *watermark);
