#include "database.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "directory.h"
#include "fail.h"
#include "sql.h"

struct listed_database {
    struct test_database public; /* first: what the test has is a pointer to it */
    struct listed_database *next;
    pid_t owner;
};

/* Those that are not freed yet, to be dropped at exit. */
static struct listed_database *databases;

static struct test_account *const *accounts_of(struct test_database *database)
{
    static struct test_account *accounts[5];
    accounts[0] = &database->daemon;
    accounts[1] = &database->producer;
    accounts[2] = &database->operator;
    accounts[3] = &database->owner;
    return accounts;
}

static MYSQL *connect_as(const struct test_database *database, const char *user,
                         const char *password, const char *schema)
{
    const unsigned timeout_s = 30;
    MYSQL *connection = mysql_init(NULL);
    if (!connection)
        abort();
    mysql_options(connection, MYSQL_OPT_CONNECT_TIMEOUT, &timeout_s);
    mysql_options(connection, MYSQL_SET_CHARSET_NAME, "utf8mb4");
    if (!mysql_real_connect(connection, NULL, user, password, schema, 0, database->server->socket,
                            CLIENT_FOUND_ROWS | CLIENT_MULTI_STATEMENTS))
        test_fail("cannot connect to %s as %s: %s", database->server->socket, user,
                  mysql_error(connection));
    return connection;
}

MYSQL *test_connect(const struct test_database *database, const struct test_account *account)
{
    return connect_as(database, account ? account->user : "root", account ? account->password : "",
                      database->name);
}

/* The text with each word between @ signs exchanged, to be freed. */
static char *fill_in(const char *text, const char *const (*words)[2])
{
    char *filled = NULL;
    size_t size = 0;
    FILE *memory = open_memstream(&filled, &size);
    if (!memory)
        abort();
    while (*text) {
        size_t i = 0;
        while (words[i][0] && strncmp(text, words[i][0], strlen(words[i][0])) != 0)
            i++;
        if (words[i][0]) {
            fputs(words[i][1], memory);
            text += strlen(words[i][0]);
        } else {
            fputc(*text++, memory);
        }
    }
    if (fclose(memory))
        abort();
    return filled;
}

/* Runs a text that operators are given, with the words in it exchanged for those of this database.
 */
static void apply(struct test_database *database, const char *text)
{
    const char *const words[][2] = {
        { "@DATABASE@", database->name }, { "@HOST@", "%" }, { "@OWNER@", database->owner.user },
        { "@OWNER_PASSWORD@", database->owner.password }, { "@DAEMON@", database->daemon.user },
        { "@DAEMON_PASSWORD@", database->daemon.password },
        { "@PRODUCER@", database->producer.user },
        { "@PRODUCER_PASSWORD@", database->producer.password },
        { "@OPERATOR@", database->operator.user },
          {
              "@OPERATOR_PASSWORD@",
              database->operator.password },
              { NULL, NULL },
        };
    char *sql = fill_in(text, words);
    sql_run(database->admin, "%s", sql);
    free(sql);
}

enum grants_part { GRANTS_USERS, GRANTS_TABLES };

static void apply_grants(struct test_database *database, enum grants_part part)
{
    static const char divider[] = "-- Part 2:";
    char *text = test_file_read(DUEQ_SOURCE_DIR "/schema/grants.sql");
    char *tables = strstr(text, divider);
    if (!tables)
        test_fail("schema/grants.sql has no line \"%s\"", divider);
    if (part == GRANTS_USERS)
        *tables = '\0';
    apply(database, part == GRANTS_USERS ? text : tables);
    free(text);
}

static void drop(struct test_database *database)
{
    /* Not for ever, where a connection that the test forgot is still in a transaction. */
    sql_try(database->admin, "SET SESSION lock_wait_timeout = 10");
    sql_try(database->admin, "DROP DATABASE IF EXISTS `%s`", database->name);
    struct test_account *const *account = accounts_of(database);
    for (; *account; account++)
        sql_try(database->admin, "DROP USER IF EXISTS '%s'@'%%'", (*account)->user);
}

static void drop_all(void)
{
    while (databases) {
        if (databases->owner == getpid())
            test_database_free(&databases->public);
        else
            databases = databases->next;
    }
    mysql_library_end();
}

static struct test_database *new_database(const struct test_server *server)
{
    static const char *const roles[] = { "daemon", "producer", "operator", "owner" };
    static unsigned number;
    if (number++ == 0) {
        if (mysql_library_init(0, NULL, NULL))
            abort();
        atexit(drop_all);
    }

    struct listed_database *listed = calloc(1, sizeof *listed);
    if (!listed)
        abort();
    struct test_database *database = &listed->public;
    database->server = server;
    snprintf(database->name, sizeof database->name, "dueq_%d_%u", (int) getpid(), number);
    struct test_account *const *account = accounts_of(database);
    for (size_t i = 0; account[i]; i++) {
        snprintf(account[i]->user, sizeof account[i]->user, "q%d_%u_%s", (int) getpid(), number,
                 roles[i]);
        snprintf(account[i]->password, sizeof account[i]->password, "secret of %s", roles[i]);
    }
    database->admin = connect_as(database, "root", "", NULL);
    listed->owner = getpid();
    listed->next = databases;
    databases = listed;

    drop(database); /* what a test of the same process id has left behind */
    sql_run(database->admin, "CREATE DATABASE `%s`; USE `%s`", database->name, database->name);
    apply_grants(database, GRANTS_USERS);
    return database;
}

void test_database_grant(struct test_database *database)
{
    apply_grants(database, GRANTS_TABLES);
}

void test_database_grant_doorbell(struct test_database *database)
{
    char *text = test_file_read(DUEQ_SOURCE_DIR "/schema/grants_doorbell.sql");
    apply(database, text);
    free(text);
}

struct test_database *test_database_new_on(const struct test_server *server)
{
    struct test_database *database = new_database(server);
    char *schema = test_file_read(DUEQ_SOURCE_DIR "/schema/0001_init.sql");
    MYSQL *owner = test_connect(database, &database->owner);
    sql_run(owner, "%s", schema);
    mysql_close(owner);
    free(schema);
    test_database_grant(database);
    return database;
}

struct test_database *test_database_new(void)
{
    return test_database_new_on(test_server_get());
}

struct test_database *test_database_new_empty(void)
{
    return new_database(test_server_get());
}

void test_database_clear(struct test_database *database)
{
    char *deletes = sql_text(
        database->admin,
        "SELECT GROUP_CONCAT('DELETE FROM ', table_name SEPARATOR ';') FROM "
        "information_schema.tables WHERE table_schema = '%s' AND table_name LIKE "
        "'dueq\\_%%' AND table_name <> 'dueq_schema'",
        database->name);
    if (!deletes)
        test_fail("there are no tables in %s", database->name);
    sql_run(database->admin, "%s", deletes);
    free(deletes);
}

void test_database_free(struct test_database *database)
{
    if (!database)
        return;
    for (struct listed_database **link = &databases; *link; link = &(*link)->next) {
        if (&(*link)->public == database) {
            *link = (*link)->next;
            break;
        }
    }
    drop(database);
    mysql_close(database->admin);
    free(database);
}
