#pragma once

#include <stdbool.h>

#include "server.h"

/* A socket that stands before the server's and loses connections at a chosen statement, as a
 * network does: so that a client cannot tell whether what it sent has come to pass. */
struct proxy;

enum proxy_cut {
    PROXY_CUT_BEFORE, /* the server never sees the statement, and finds the connection closed */
    PROXY_CUT_AFTER,  /* the server has answered it, and the client never sees the answer */
};

/* Listens in a directory of its own. Freed at the latest when the test program ends. */
struct proxy *proxy_new(const struct test_server *server);
void proxy_free(struct proxy *proxy); /* closes all its connections */

/* What to connect to. Valid until proxy_free. */
const char *proxy_socket(const struct proxy *proxy);

/* Cuts the next connection that sends a statement that begins with `statement` after one of the
 * same transaction that begins with `earlier` (NULL: any). Once. */
void proxy_arm(struct proxy *proxy, const char *earlier, const char *statement, enum proxy_cut cut);

/* How often it has been. */
unsigned proxy_cuts(struct proxy *proxy);
