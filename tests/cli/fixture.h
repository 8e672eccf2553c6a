#pragma once

#include <jansson.h>
#include <sysexits.h>

#include "config_file.h"
#include "database.h"
#include "directory.h"
#include "fail.h"
#include "process.h"
#include "sql.h"

/* What a test of the command line begins with: a database, and configurations of the users that
 * work with it. */
struct fixture {
    struct test_database *database;
    MYSQL *admin; /* to prepare and to look */
    const char *operator_conf;
    const char *daemon_conf;
    const char *owner_conf;
};

enum { LIMIT_S = 60 }; /* against hanging */
enum { EX_NO = 1 };    /* "no": there is no such job, a check failed */

void fixture_set_up(struct fixture *fixture);
void fixture_set_up_on(struct fixture *fixture, const struct test_server *server);
void fixture_tear_down(struct fixture *fixture);
/* Between two tests: no rows, no processes. */
void fixture_clear(struct fixture *fixture);

/* What a run of dueq left behind. */
struct run {
    int status;
    char *out, *err;
};

/* Runs dueq with these words (ended by NULL) to its end; input may be NULL. Valid until the next
 * run. */
const struct run *dueq(const char *word, ...) __attribute__((sentinel));
const struct run *dueq_words(const char *const *words, const char *input);

/* The same with -c of the operator's configuration before the words, and the test fails, showing
 * what it said, unless it ends with `status`. */
const struct run *operate(const struct fixture *fixture, int status, const char *word, ...)
    __attribute__((sentinel));

/* The same with --json, and parsed: a new reference. */
json_t *operate_json(const struct fixture *fixture, int status, const char *word, ...)
    __attribute__((sentinel));

/* A string with %s in it. Valid for the next 256 calls. */
const char *text_of(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Member of an object, or of an object in an array ("0" is the first): "queues/0/due". The test
 * fails where there is none. */
json_t *member(json_t *json, const char *path);
int64_t member_integer(json_t *json, const char *path);
const char *member_string(json_t *json, const char *path);

void expect_text(const char *text, const char *part);
void expect_no_text(const char *text, const char *part);

/* No byte that a terminal would obey, newlines aside. */
void expect_harmless(const char *text);

/* Inserts with a SET list; returns the job's id. */
uint64_t insert_job(const struct fixture *fixture, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* A dead letter of that SET list, with what it does not say made up. Returns its dead_id. */
uint64_t insert_dead(const struct fixture *fixture, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
