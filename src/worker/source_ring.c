#include "source_ring.h"

#include <string.h>

#include "clock.h"
#include "source.h"

void source_ring(struct source *source, const char *queue, int64_t in_us, uint64_t jobs)
{
    int64_t now_us = clock_now_us();
    bool rung = false;

    mutex_lock(&source->lock);
    for (size_t i = 0; i < source->agenda.count; i++) {
        struct agenda_entry *entry = &source->agenda.entries[i];
        if (queue && strcmp(entry->queue->name, queue) != 0)
            continue;
        int64_t before_us = ring_look_us(&entry->ring);
        ring_hear(&entry->ring, now_us, in_us, jobs);
        /* Lanes need not be woken for what they wait for already, or will look at sooner. */
        int64_t look_us = ring_look_us(&entry->ring);
        rung |= look_us < before_us && look_us < entry->next_us && !entry->paused;
    }
    if (rung)
        condition_signal(&source->wake);
    mutex_unlock(&source->lock);
}

void source_ring_control(struct source *source)
{
    mutex_lock(&source->lock);
    source->control_rung = true;
    condition_signal(&source->keeper_wake);
    mutex_unlock(&source->lock);
}

void source_set_doorbell(struct source *source, bool works)
{
    mutex_lock(&source->lock);
    bool fails = source->doorbell_works && !works;
    source->doorbell_works = source->agenda.doorbell = works;
    if (fails) { /* who relied on it looks by himself again: the lanes, and the keeper */
        for (size_t i = 0; i < source->agenda.count; i++)
            agenda_hurry(&source->agenda.entries[i], 0);
        source->control_rung = true;
        condition_broadcast(&source->wake);
        condition_signal(&source->keeper_wake);
    }
    mutex_unlock(&source->lock);
}
