#pragma once

#include <limits.h>

#include "child.h"

/* A private database server for `dueq dev`: its own directory, a socket in it, no network. */

enum { DEV_SOCKET_MAX = 107 }; /* of a socket's path */

struct dev_server {
    const char *directory;
    bool mysql; /* else MariaDB */
    char program[PATH_MAX];
    char installer[PATH_MAX]; /* mariadb-install-db */
    char socket[DEV_SOCKET_MAX + 1];
    char log[PATH_MAX];
    struct child process;
};

/* Finds the programs. wanted: "mariadb", "mysql", or NULL for what the directory was made with, or
 * else for whichever is installed, MariaDB first. An exit status, and words on stderr. */
int dev_server_find(struct dev_server *server, const char *directory, const char *wanted);

/* Makes the data where there is none yet, and starts the server on it; child_wait tells when it
 * ends. An exit status, and words on stderr. 0 with *ret_interrupted where a signal came first. */
int dev_server_start(struct dev_server *server, bool *ret_interrupted);

/* Where the server has ended: the last of what it logged, on stderr. */
void dev_server_show_log(const struct dev_server *server);
