#pragma once

#include <stdbool.h>

#include "arena.h"
#include "config.h"
#include "keys.h"
#include "scan.h"
#include "setting.h"

/* One run of config_load: what its parts share, and how they report what is wrong. */
struct loader {
    struct config_report *report;
    const struct scan *scan;
    struct arena *arena;                /* of the configuration: what lives as long as it does */
    const char *directory;              /* that the configuration file is in, absolute */
    const struct retry_policy *retries; /* those there are, once they have been read */
    size_t retry_count;
    bool no_memory;
};

/* arena_alloc; a lack of memory is noted, so that it need not be handled by each caller but to
 * return. */
void *loader_alloc(struct loader *loader, size_t count, size_t size);
const char *loader_copy(struct loader *loader, const char *text);

/* A line of the report, with the place and path of a setting. */
void loader_error(struct loader *loader, const struct setting *at, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void loader_warn(struct loader *loader, const struct setting *at, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* "…: expected an integer from 1 to 64, found the string "x"", and the hint where there is one. */
void loader_expected(struct loader *loader, const struct key *key, const struct setting *found,
                     const char *hint);

/* "…: expected …, found nothing". */
void loader_missing(struct loader *loader, const struct key *key, const struct setting *group);

/* "dueq.conf:12" */
void loader_append_place(const struct loader *loader, const struct setting *at,
                         struct buffer *text);
