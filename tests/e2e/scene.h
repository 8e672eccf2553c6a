#pragma once

#include <mysql.h>
#include <stdint.h>

#include "config_file.h"
#include "database.h"
#include "fail.h"

/* What an end-to-end test begins with: an empty database, connections to insert jobs and to look at
 * what became of them, a directory, and configurations in which the noop handler keeps a journal of
 * its runs outside the database. */
struct scene {
    struct test_database *database;
    MYSQL *producer;       /* inserts jobs, with a producer's privileges */
    MYSQL *admin;          /* looks, and prepares; database->admin */
    const char *directory; /* this test's */
    char journal[128];     /* a line for each run: see journal.h */
    char journal_end[128]; /* a line for each end of a run */

    /* For the configurations of one test; NULL at its beginning. */
    const char *server;   /* in place of the socket: "hosts = [ … ];" */
    const char *source;   /* more keys of the source: "lanes = 1;" */
    const char *handlers; /* the directory of plugins, if not the built ones' */
};

/* cmocka's fixtures: tests find the scene in *state. For a group, one database on the server of the
 * run; for a test, empty tables and a directory before it, and after it nothing runs any more. */
int scene_open(void **state);
int scene_close(void **state);
int scene_begin(void **state);
int scene_end(void **state);

#define SCENE_TEST(name) cmocka_unit_test_setup_teardown(name, scene_begin, scene_end)
#define SCENE_RUN(tests) cmocka_run_group_tests(tests, scene_open, scene_close)

/* A scene on a server of the test's own. To be freed by scene_free. */
struct scene *scene_new_on(const struct test_server *server);
void scene_free(struct scene *scene);

/* Anew, when the server has been away. */
void scene_connect_again(struct scene *scene);

/* A configuration file with the queue "default", looked at every 10 ms (queue: more of its keys,
 * "threads = 1;", or NULL), in which noop runs every kind as the payload says and keeps the
 * journals. more: what else the file says, or NULL. */
const char *scene_config(const struct scene *scene, const char *queue, const char *more);

/* The file as it is said. */
const char *scene_config_text(const struct scene *scene, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* What scene_config says of noop, as one group for `kinds`, for the kind or prefix. */
const char *scene_noop(const struct scene *scene, const char *kind);

/* One INSERT as the producer; returns the new job's id. */
uint64_t scene_insert(const struct scene *scene, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* `count` jobs of the kind "bulk" with the payload, in statements of a thousand. */
void scene_insert_many(const struct scene *scene, unsigned count, const char *payload);

/* dueq_job is empty. */
void scene_wait_all_gone(const struct scene *scene, int limit_s);
