#pragma once

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "config.h"
#include "thread.h"

/* Which of a source's hosts its connections lead to: one at a time for all of them, since only one
 * of them may take writes, and since transactions on several nodes of a cluster get into each
 * other's way. The next one's turn comes when a connection to this one fails, or finds that it
 * takes no writes; one that has failed is left alone for a while, which grows. It is not gone back
 * to before that, however much it is wanted: whoever has followed a primary does not leave it. Any
 * thread. */
struct route_host {
    const char *host; /* NULL: the socket */
    uint32_t port;
    int64_t failed_us; /* when, last */
    int64_t pause_us;  /* before it is tried again; 0: it has worked since */
};

struct route {
    struct mutex lock;
    struct route_host *hosts;
    size_t count;
    _Atomic size_t current;
};

int route_init(struct route *route, const struct config_source *source);
void route_done(struct route *route); /* takes a zeroed one */

/* A connection to the host at `index` failed. When to try again, whichever is the current one then;
 * spread, so that a server that comes back is not met by every lane of every daemon at once. */
int64_t route_failed(struct route *route, size_t index, int64_t now_us);

void route_worked(struct route *route, size_t index);
