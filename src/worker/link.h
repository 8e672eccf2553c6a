#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "config.h"
#include "connection.h"

/* A connection that comes back: opened when it is needed, again after it was lost, with growing
 * pauses while that fails. One thread's. Zero-initialise it and set source and owner. */
struct link {
    const struct config_source *source;
    const char *owner; /* for the log: "lane 0", "keeper" */
    struct db *db;     /* NULL: not connected */
    int64_t retry_at_us;
    int64_t pause_us;
    int64_t failing_since_us; /* 0: it works */
    int64_t logged_us;
};

/* The connection, or NULL: not before link->retry_at_us then. Says in the log when it fails, each
 * minute, and when it works again. */
struct db *link_get(struct link *link);

/* What a statement ended with: a connection that is lost, or leads to a server that takes no
 * writes, is closed. The text goes to the log. */
void link_report(struct link *link, enum db_status status, const struct error *error);

/* The connection works but the server is not what is wanted: close it and pause, as after a failed
 * connect. */
void link_refuse(struct link *link, const struct error *error);
void link_close(struct link *link);
