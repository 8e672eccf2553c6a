#pragma once

#include <mysql.h>

#include "server.h"

/* A user of a test database, with the privileges that schema/grants.sql gives to its role. */
struct test_account {
    char user[32]; /* MySQL allows no longer names */
    char password[32];
};

/* A database of its own for one test program, or one test, with the schema in it and a user for
 * each role that docs/grants.md describes. What the product does must work as these users, so tests
 * use `admin` only to look and to prepare. */
struct test_database {
    const struct test_server *server;
    char name[64];
    struct test_account daemon;
    struct test_account producer;
    struct test_account operator;
    struct test_account owner; /* applies the schema */
    MYSQL *admin; /* root's connection, `name` being its default database; the test's own thread
                     only */
};

/* On the shared server. Dropped, users and all, by test_database_free, or at exit. */
struct test_database *test_database_new(void);

/* On a server of the test's own. */
struct test_database *test_database_new_on(const struct test_server *server);

/* With the users and without a single table: for tests of the migration. The privileges on tables,
 * which need the tables, are given by test_database_grant. */
struct test_database *test_database_new_empty(void);
void test_database_grant(struct test_database *database);

/* Lets the daemon's user follow the binlog, by schema/grants_doorbell.sql. */
void test_database_grant_doorbell(struct test_database *database);

void test_database_free(struct test_database *database);

/* All rows of all dueq_ tables but dueq_schema's: between two tests that share a database. */
void test_database_clear(struct test_database *database);

/* A connection for one thread, through the socket, READ COMMITTED as nothing else is said, in UTC,
 * able to run several statements at once, found rows counted. account NULL: root. The caller closes
 * it with mysql_close, before the database goes. */
MYSQL *test_connect(const struct test_database *database, const struct test_account *account);
