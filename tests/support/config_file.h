#pragma once

#include "database.h"

/* What a dueq.conf for a test says beyond the database. All may be NULL. */
struct config_file {
    const char *directory;           /* where it goes; NULL: a new one */
    const struct test_account *user; /* NULL: the daemon's */
    const char *server;              /* in place of the socket: "hosts = [ … ];" */
    const char *source;              /* more in the source's group: "lanes = 4;" */
    const char *handlers;            /* the handler directory; NULL: the built ones' */
    const char *text; /* the rest of the file: "queues = ( … ); kinds = ( … );" */
};

/* Writes dueq.conf, with the source "main" on the test database's socket and the password in a file
 * of mode 0600 beside it, and returns its path, valid until exit. */
const char *config_file_write(const struct test_database *database,
                              const struct config_file *content);
