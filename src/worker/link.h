#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "config.h"
#include "connection.h"
#include "route.h"

/* A connection that comes back: opened when it is needed, again after it was lost, with growing
 * pauses while that fails, and to the host that its source's route leads to. One thread's.
 * Zero-initialise it and set the first three. */
struct link {
    const struct config_source *source;
    struct route *route;
    const char *owner;      /* for the log: "lane 0", "keeper" */
    struct db *db;          /* NULL: not connected */
    unsigned opened;        /* how often it was */
    uint64_t statements;    /* sent over it when last looked */
    int64_t quiet_since_us; /* that was when none more had been sent since */
    size_t host;            /* of the route, where it leads or led to */
    bool read_only;         /* that is why it was closed */
    bool patient;           /* the server waits for hours: there is nothing it could hold */
    int64_t retry_at_us;
    int64_t failing_since_us; /* 0: it works */
    int64_t logged_us;
};

/* The server ends a connection that may hold locks once it has heard nothing for so long. What a
 * daemon had locked when its process, its host or the network stood still is free again then, and
 * not after the eight hours that are the server's default. */
enum { LINK_SERVER_WAITS_S = 10 };

/* A link that is open must be looked at at least this often, by link_get or link_keep_alive. */
enum { LINK_LOOK_EVERY_US = 3000000 };

/* The connection, or NULL: not before link->retry_at_us then. Says in the log when it fails, each
 * minute, and when it works again. For reading: locks may be taken on one of link_get_to_lock. */
struct db *link_get(struct link *link);
struct db *link_get_to_lock(struct link *link);

/* One that has been quiet for a while is told to be patient with us, and then hears something each
 * two minutes, so that nothing in between takes it for dead: an idle connection costs next to
 * nothing.
 */
void link_keep_alive(struct link *link);

/* What a statement ended with: a connection that is lost, or leads to a server that takes no
 * writes, is closed. The text goes to the log. */
void link_report(struct link *link, enum db_status status, const struct error *error);

/* The connection works but the server is not what is wanted: close it and pause, as after a failed
 * connect. */
void link_refuse(struct link *link, const struct error *error);
void link_close(struct link *link);
