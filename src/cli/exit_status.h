#pragma once

#include "connection.h"

/* What dueq ends with, by sysexits.h: 64 wrong usage, 65 the database refuses a value, 66 no such
 * file, 69 the server cannot be reached, 70 a failure of our own, 74 output failed, 75 try again,
 * 77 not allowed, 78 configuration or schema. And 1, for an answer of "no": there is no such job,
 * a check failed, something was left. */
enum { EXIT_NO = 1 };

/* For a statement that failed on `db`. */
int exit_status_of(enum db_status status, const struct db *db);

/* For a db_open that failed. */
int exit_status_of_open(enum db_status status);
