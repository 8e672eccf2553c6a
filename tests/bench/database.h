#pragma once

#include <mysql.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buffer.h"

/* The database of the bench: DUEQ_TEST_SOCKET and BENCH_DATABASE, as root. All of these end the
 * program when the server says no: half a measurement is none. */
MYSQL *database_connect(void);
/* READ COMMITTED, like every session of dueqd. */
MYSQL *database_connect_lane(void);

/* NULL where the statement has no rows. gives the result */
MYSQL_RES *database_query(MYSQL *mysql, const char *sql, size_t len);
MYSQL_RES *database_query_text(MYSQL *mysql, const char *sql);
void database_execute(MYSQL *mysql, const char *sql);
/* Executes what the buffer holds and clears it. */
void database_execute_buffer(MYSQL *mysql, struct buffer *sql);
/* The first column of the first row; 0 where there is none. */
double database_number(MYSQL *mysql, const char *sql);
int64_t database_now_us(MYSQL *mysql);
/* Statements that all clients have sent so far, this one included. */
long database_questions(MYSQL *mysql);

/* The server's process, by its socket: the bench runs on its machine. */
long database_server_pid(void);
bool database_is_mariadb(MYSQL *mysql);

_Noreturn void database_fail(MYSQL *mysql, const char *sql);
