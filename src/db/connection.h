#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buffer.h"
#include "error.h"

/* One connection to a MariaDB or MySQL server, used by one thread at a time. The only layer that
 * knows the client library. Statements are text; values go in through db_append_quoted or as
 * numbers. */
struct db;

/* What to do about a failure, whatever its number. */
enum db_status {
    DB_OK,
    DB_NO_ROW,     /* nothing there; only from functions that say so */
    DB_RETRY,      /* deadlock or lock-wait timeout: the transaction is rolled back, do it again */
    DB_LOST,       /* the connection is gone; an open COMMIT may or may not have happened */
    DB_READ_ONLY,  /* this server takes no writes now */
    DB_CONSTRAINT, /* duplicate key, check or data error: doing it again gives the same */
    DB_FATAL,      /* anything else: a missing table or privilege, a syntax error */
};

enum db_tls { DB_TLS_OFF, DB_TLS_REQUIRED, DB_TLS_VERIFY_CA, DB_TLS_VERIFY_IDENTITY };

struct db_options {
    const char *socket; /* NULL: host and port */
    const char *host;
    uint32_t port;
    const char *database; /* NULL: none chosen */
    const char *user;
    const char *password;
    int64_t connect_timeout_us; /* rounded up to whole seconds, as the next; 0: the library's own */
    int64_t read_timeout_us;
    enum db_tls tls;
    const char *ca, *cert, *key;
    bool multi_statements; /* for migrations only */
};

/* Once in a process, before its first thread. 0 or -ENOMEM. */
int db_library_init(void) __attribute__((warn_unused_result));
void db_library_done(void);
/* Around the life of every thread that uses a connection. */
void db_thread_init(void);
void db_thread_done(void);

/* Connects and sets the session up: READ COMMITTED, UTC, utf8mb4, a strict sql_mode without
 * NO_ZERO_DATE (a producer's zero date must be readable to be put aside), innodb_lock_wait_timeout
 * = 1. Refuses a server without SKIP LOCKED (DB_FATAL) and a connection that came out in plain text
 * although TLS was asked for. */
enum db_status db_open(const struct db_options *options, struct db **ret_db, struct error *error)
    __attribute__((warn_unused_result));
void db_close(struct db *db); /* takes NULL */

/* The server's or the client library's number for why the calling thread's last db_open failed; 0:
 * a reason of our own. */
unsigned db_open_error_number(void);

/* Ends the connection of another thread's statement: its db call returns DB_LOST soon. Any thread,
 * while the owner does not close it at the same time. */
void db_abort(struct db *db);

/* A text that max_allowed_packet does not let through is DB_CONSTRAINT, and is not sent. */
enum db_status db_execute(struct db *db, const char *sql, size_t len, uint64_t *ret_affected,
                          struct error *error) __attribute__((warn_unused_result));
enum db_status db_run(struct db *db, const char *sql, struct error *error)
    __attribute__((warn_unused_result));

/* Runs what the buffer holds. A buffer that failed (no memory) is DB_FATAL. ret_affected may be
 * NULL. */
enum db_status db_execute_buffer(struct db *db, const struct buffer *sql, uint64_t *ret_affected,
                                 struct error *error) __attribute__((warn_unused_result));

/* Runs several statements in one text (needs multi_statements), discarding their results. */
enum db_status db_execute_script(struct db *db, const char *sql, size_t len, struct error *error)
    __attribute__((warn_unused_result));

/* A whole result in memory. Rows are walked once, from the first to the last. */
struct db_result;

enum db_status db_query(struct db *db, const char *sql, size_t len, struct db_result **ret_result,
                        struct error *error) __attribute__((warn_unused_result));
enum db_status db_query_buffer(struct db *db, const struct buffer *sql,
                               struct db_result **ret_result, struct error *error)
    __attribute__((warn_unused_result));
void db_result_free(struct db_result *result); /* takes NULL */

size_t db_result_rows(const struct db_result *result);
unsigned db_result_columns(const struct db_result *result);
const char *db_result_column_name(const struct db_result *result, unsigned column);
bool db_result_next(struct db_result *result);

/* Of the current row. Text is NUL-terminated and valid until the result is freed; NULL for SQL
 * NULL. Numbers are 0 for NULL. */
const char *db_text(const struct db_result *result, unsigned column, size_t *ret_len);
bool db_is_null(const struct db_result *result, unsigned column);
uint64_t db_u64(const struct db_result *result, unsigned column);
int64_t db_i64(const struct db_result *result, unsigned column);

/* One value from a query of one column; DB_NO_ROW when there is no row or it is NULL. */
enum db_status db_query_u64(struct db *db, const char *sql, uint64_t *ret_value,
                            struct error *error) __attribute__((warn_unused_result));

/* Appends the value as a quoted SQL literal, escaped for this connection. text NULL: NULL. */
void db_append_quoted(struct db *db, struct buffer *sql, const char *text, size_t len);

unsigned db_error_number(const struct db *db); /* the server's, of the last failed statement */
uint64_t db_insert_id(const struct db *db);
uint64_t db_connection_id(const struct db *db);
bool db_is_mariadb(const struct db *db);
const char *
db_server_version(const struct db *db); /* as the server says it, without the 5.5.5- prefix */

/* How many bytes a statement or a row may have, of this session. */
uint64_t db_max_packet(const struct db *db);

/* Number of statements sent so far. */
uint64_t db_statement_count(const struct db *db);
