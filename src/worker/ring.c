#include "ring.h"

static void look_at(struct ring *ring, int64_t at_us)
{
    if (at_us < ring->looked_us + RING_APART_US)
        at_us = ring->looked_us + RING_APART_US;
    if (!ring->look_us || at_us < ring->look_us)
        ring->look_us = at_us;
}

void ring_hear(struct ring *ring, int64_t now_us, int64_t in_us, uint64_t jobs)
{
    if (in_us <= 0) {
        ring->heard_us = now_us;
        if (__builtin_add_overflow(ring->owed, jobs, &ring->owed))
            ring->owed = UINT64_MAX;
        in_us = 0;
    }
    if (in_us < INT64_MAX - now_us)
        look_at(ring, now_us + in_us);
}

int64_t ring_look_us(const struct ring *ring)
{
    return ring->look_us ? ring->look_us : INT64_MAX;
}

void ring_looked(struct ring *ring, int64_t now_us)
{
    ring->looked_us = now_us;
    if (ring->look_us <= now_us)
        ring->look_us = 0;
}

void ring_claimed(struct ring *ring, uint64_t jobs)
{
    ring->owed -= jobs < ring->owed ? jobs : ring->owed;
}

void ring_found_nothing(struct ring *ring, int64_t now_us)
{
    static const int64_t again_us[] = { 2000, 8000, 32000, 128000, 512000 };

    for (unsigned i = 0; ring->owed && i < sizeof again_us / sizeof *again_us; i++)
        if (ring->heard_us + again_us[i] > now_us) {
            look_at(ring, ring->heard_us + again_us[i]);
            return;
        }
    ring->owed = 0;
}
