#pragma once

#include <mysql.h>
#include <stdbool.h>
#include <stdint.h>

/* SQL for tests. Each takes a printf format and fails the test, with the statement and the server's
 * words, where the statement fails; but a thread of the test's own must not fail a test (cmocka
 * jumps), so it uses sql_try. The values are not escaped: these are for texts that the test wrote
 * itself. */

/* Any statements, separated by ';'. Returns the rows that the last one changed. */
uint64_t sql_run(MYSQL *connection, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Any statements; returns 0 or the server's error number of the first that failed. */
unsigned sql_try(MYSQL *connection, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The first column of the first row; the test fails where there is no row, or NULL in it. */
uint64_t sql_u64(MYSQL *connection, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The first column of the first row, to be freed; NULL where there is no row, or NULL in it. */
char *sql_text(MYSQL *connection, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Runs the query again and again until its first column is a number other than 0. The test fails
 * when that has not come about within the limit, which is against hanging and so may be generous.
 */
void sql_wait_until(MYSQL *connection, int limit_s, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
