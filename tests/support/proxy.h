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

/* Calls `strike` at the n-th statement of transactions from now on, from 1, their beginning and end
 * counted, of all connections together: before the server sees it, or after it has answered and
 * before the client sees that. Then the connection is cut. Once. strike: from a thread of the
 * proxy's; NULL: nothing else. */
void proxy_arm_at(struct proxy *proxy, unsigned n, enum proxy_cut cut, void (*strike)(void *arg),
                  void *arg);

/* From now on everything that clients send is held back for so long. */
void proxy_slow_down(struct proxy *proxy, unsigned ms);

/* How often it has been. */
unsigned proxy_cuts(struct proxy *proxy);
