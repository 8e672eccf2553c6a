#include "unbound.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"

enum {
    MAX_KINDS = 256, /* kinds come from rows: a producer must not make us grow without end */
    LOG_EVERY_US = 60000000,
    MIN_DELAY_US = 5000000,
    MAX_DELAY_US = 300000000,
};

struct entry {
    char kind[65];
    uint64_t count;
    struct log_limit limit;
};

struct unbound {
    struct mutex lock;
    struct entry *entries[MAX_KINDS]; /* lock */
    size_t count;                     /* lock */
};

struct unbound *unbound_new(void)
{
    struct unbound *unbound = calloc(1, sizeof *unbound);
    if (unbound)
        mutex_init(&unbound->lock);
    return unbound;
}

void unbound_free(struct unbound *unbound)
{
    if (!unbound)
        return;
    for (size_t i = 0; i < unbound->count; i++)
        free(unbound->entries[i]);
    mutex_done(&unbound->lock);
    free(unbound);
}

static struct entry *find_or_add(struct unbound *unbound, const char *kind)
{
    for (size_t i = 0; i < unbound->count; i++)
        if (strcmp(unbound->entries[i]->kind, kind) == 0)
            return unbound->entries[i];
    struct entry *entry = unbound->count < MAX_KINDS ? calloc(1, sizeof *entry) : NULL;
    if (entry) {
        snprintf(entry->kind, sizeof entry->kind, "%s", kind);
        unbound->entries[unbound->count++] = entry;
    }
    return entry;
}

void unbound_count(struct unbound *unbound, const char *source, const char *kind, const char *why)
{
    uint64_t suppressed = 0, count = 0;

    mutex_lock(&unbound->lock);
    struct entry *entry = find_or_add(unbound, kind); /* entries live as long as `unbound` */
    if (entry)
        count = ++entry->count;
    mutex_unlock(&unbound->lock);

    if (entry && log_limit_pass(&entry->limit, LOG_EVERY_US, &suppressed))
        log_warning("jobs are put off, uncharged: %s: source=%s kind=%s times=%llu", why, source,
                    kind, (unsigned long long) count);
}

void unbound_append_json(struct unbound *unbound, struct buffer *json)
{
    mutex_lock(&unbound->lock);
    buffer_append_char(json, '{');
    for (size_t i = 0; i < unbound->count; i++) {
        const struct entry *entry = unbound->entries[i];
        if (i)
            buffer_append_char(json, ',');
        buffer_append_json(json, entry->kind, strlen(entry->kind));
        buffer_append_char(json, ':');
        buffer_append_u64(json, entry->count);
    }
    buffer_append_char(json, '}');
    mutex_unlock(&unbound->lock);
}

int64_t unbound_delay_us(int64_t age_us)
{
    int64_t delay_us = age_us / 2;
    if (delay_us < MIN_DELAY_US)
        return MIN_DELAY_US;
    return delay_us < MAX_DELAY_US ? delay_us : MAX_DELAY_US;
}
