#pragma once

#include <stdbool.h>

/* The real database server that a test talks to.
 *
 * scripts/test starts one for the whole run and names it in DUEQ_TEST_SOCKET, DUEQ_TEST_HOST,
 * DUEQ_TEST_PORT and DUEQ_TEST_SERVER ("mariadb" or "mysql"). A test program that is started by
 * hand finds none there and starts a private MariaDB of its own, with scripts/server, in a
 * temporary directory. Either way its administrator is root without a password, on the socket only.
 * A server that was started here ends with the test program, also when that is killed. */
struct test_server {
    char socket[108]; /* as long as a socket's path can be */
    char host[64];    /* 127.0.0.1 */
    unsigned port;
    char *directory; /* of a server of our own: what scripts/server was given; NULL: the run's */
};

/* The server that all tests of a run share. Never NULL: the test fails where there is none. */
const struct test_server *test_server_get(void);

/* A server for a test that stops it, kills it or needs it set up otherwise. arguments: the server's
 * own, such as "--binlog-format=STATEMENT", ended by NULL; NULL: none. It is MariaDB unless
 * DUEQ_TEST_SERVER says "mysql". */
struct test_server *test_server_new(const char *const *arguments);
void test_server_free(struct test_server *server);

/* For one of test_server_new. stop: in an orderly way; kill: as if the machine had died. Both
 * return when the process is gone. start: on the same data, socket and port, with the same
 * arguments. */
void test_server_stop(struct test_server *server);
void test_server_kill(struct test_server *server);
void test_server_start(struct test_server *server);

/* Holds the server still, so that it answers nothing while its sockets stay open, and lets it go
 * on. */
void test_server_freeze(struct test_server *server);
void test_server_thaw(struct test_server *server);
