#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config.h"
#include "dueq_handler.h"
#include "error.h"

/* Which handler runs a kind: the plugins of the directory, opened once for each line in `kinds` and
 * once for the kind of the plugin's own name, unless a line has exactly that. Built at start and
 * anew at each reload, read by all threads without a lock, freed when nothing runs in it. */
struct registry;

/* What the host table that plugins see does with a job; the worker layer's. Any thread. */
struct handler_callbacks {
    void (*finish)(const struct dueq_job *job, enum dueq_outcome outcome, int64_t delay_us,
                   const char *message);
    int32_t (*cancelled)(const struct dueq_job *job);
    void (*extend)(const struct dueq_job *job, int64_t timeout_us);
};

struct binding {
    const struct dueq_handler *handler;
    void *instance;
    bool isolated;                    /* run() may also return an enum isolation_outcome */
    const char *pattern;              /* "order.paid", "order.*", "*" */
    const struct config_kind *config; /* NULL: bound by the handler's own name */
    size_t index;                     /* 0 … registry_count() - 1: for tables by binding */
};

/* Loads the plugins and opens the instances. callbacks is borrowed until registry_free, config too.
 *
 * A bad plugin file (not a plugin, wrong major, writable by others, a name that another one has) is
 * an error in the report and is passed over; whether it stops the caller is the caller's choice. A
 * line in `kinds` whose handler is not there, or whose open() refuses, is an error too. A plugin
 * that no line names and that only misses an option is passed over without a word: `http` wants a
 * url, and nobody has asked for `http`.
 * *ret_registry is set whenever 0 is returned, also with errors in the report. Negative errno only
 * where nothing could be built at all (no memory). */
int registry_new(const struct config *config, const struct handler_callbacks *callbacks,
                 struct registry **ret_registry, struct config_report *report)
    __attribute__((warn_unused_result));

/* Closes the instances and unloads the plugins. Takes NULL. */
void registry_free(struct registry *registry);

/* Exact name first, then the longest prefix, then a handler of that very name; NULL: unbound.
 * Prefix "order.*" matches "order.paid" and "order.a.b", not "order". */
const struct binding *registry_find(const struct registry *registry, const char *kind);

/* How many errors in the report were bad plugin files. */
size_t registry_left_out(const struct registry *registry);

size_t registry_count(const struct registry *registry);
const struct binding *registry_at(const struct registry *registry, size_t index);
