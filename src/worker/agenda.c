#include "agenda.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int agenda_init(struct agenda *agenda, const struct config_queue *queues, size_t count)
{
    agenda->entries = calloc(count, sizeof *agenda->entries);
    if (!agenda->entries)
        return -ENOMEM;
    agenda->count = count;
    for (size_t i = 0; i < count; i++)
        agenda->entries[i].queue = &queues[i];
    return 0;
}

void agenda_done(struct agenda *agenda)
{
    free(agenda->entries);
    *agenda = (struct agenda){ 0 };
}

int agenda_priority(const struct agenda_entry *entry)
{
    for (int priority = 0; priority < PRIORITIES; priority++)
        if (entry->due[priority])
            return priority;
    return -1;
}

/* Smooth weighted round robin: each candidate earns its weight, the richest is chosen and pays for
 * all. */
struct agenda_entry *agenda_take(struct agenda *agenda, int64_t now_us, int64_t *ret_next_us)
{
    struct agenda_entry *chosen = NULL;
    int64_t next_us = INT64_MAX, total = 0;

    for (size_t i = 0; i < agenda->count; i++) {
        struct agenda_entry *entry = &agenda->entries[i];
        if (entry->paused)
            continue;
        int64_t entry_us = agenda_next_us(entry);
        if (entry_us > now_us) {
            if (entry_us < next_us)
                next_us = entry_us;
            continue;
        }
        entry->credit += entry->queue->weight;
        total += entry->queue->weight;
        if (!chosen || entry->credit > chosen->credit)
            chosen = entry;
    }
    if (!chosen) {
        *ret_next_us = next_us;
        return NULL;
    }
    chosen->credit -= total;
    ring_looked(&chosen->ring, now_us);
    if (agenda_priority(chosen) < 0)
        chosen->next_us = now_us + chosen->queue->poll_us;
    return chosen;
}

int64_t agenda_next_us(const struct agenda_entry *entry)
{
    int64_t ring_us = ring_look_us(&entry->ring);
    return ring_us < entry->next_us ? ring_us : entry->next_us;
}

uint32_t agenda_allow(struct agenda_entry *entry, uint32_t want, int64_t now_us)
{
    if (!entry->rate)
        return want;
    double most = entry->rate;
    entry->tokens += (double) (now_us - entry->tokens_at_us) * most / 1e6;
    entry->tokens_at_us = now_us;
    if (entry->tokens > most)
        entry->tokens = most;
    uint32_t allowed = entry->tokens < (double) want ? (uint32_t) entry->tokens : want;
    entry->tokens -= allowed;
    if (allowed == 0) /* as soon as there is one */
        agenda_put_off(entry, now_us + (int64_t) ((1 - entry->tokens) * 1e6 / most) + 1);
    return allowed;
}

void agenda_allow_back(struct agenda_entry *entry, uint32_t count)
{
    if (entry->rate)
        entry->tokens += count;
}

void agenda_probed(struct agenda_entry *entry, const struct probe *probe, int64_t now_us)
{
    memcpy(entry->due, probe->due, sizeof entry->due);
    entry->probed_us = now_us;
    entry->next_us = now_us + entry->queue->poll_us;
    if (probe->any_due) {
        entry->next_us = now_us;
    } else {
        entry->starved_us = 0;
        ring_found_nothing(&entry->ring, now_us);
    }
    if (probe->next_us < INT64_MAX - now_us)
        agenda_hurry(entry, now_us + probe->next_us);
}

void agenda_claimed(struct agenda_entry *entry, int priority, size_t claimed, bool full,
                    int64_t now_us)
{
    entry->due[priority] = full;
    ring_claimed(&entry->ring, claimed);
    if (claimed > 0)
        entry->starved_us = 0;
    else if (!entry->starved_us)
        entry->starved_us = now_us;
    if (agenda_priority(entry) >= 0)
        entry->next_us = now_us;
    else if (claimed == 0) /* somebody else holds them: do not spin on it */
        entry->next_us = now_us + entry->queue->poll_us;
}

void agenda_stuck(struct agenda_entry *entry, int priority, int64_t now_us)
{
    entry->due[priority] = false;
    if (agenda_priority(entry) < 0)
        entry->next_us = now_us + entry->queue->poll_us;
}

void agenda_hurry(struct agenda_entry *entry, int64_t at_us)
{
    if (at_us < entry->next_us)
        entry->next_us = at_us;
}

void agenda_put_off(struct agenda_entry *entry, int64_t until_us)
{
    if (until_us > entry->next_us)
        entry->next_us = until_us;
}

struct agenda_entry *agenda_find(struct agenda *agenda, const char *queue)
{
    for (size_t i = 0; i < agenda->count; i++)
        if (strcmp(agenda->entries[i].queue->name, queue) == 0)
            return &agenda->entries[i];
    return NULL;
}
