#include "connection.h"

#include <assert.h>
#include <errno.h>
#include <mysql.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "client.h"
#include "handle.h"
#include "server_version.h"
#include "status.h"

struct db {
    MYSQL *mysql;
    struct server_version version;
    uint64_t max_packet;
    uint64_t statements;
};

static _Thread_local unsigned open_error_number;

struct db_result {
    MYSQL_RES *result;
    MYSQL_ROW row;
    unsigned long *lengths;
    unsigned columns;
};

int db_library_init(void)
{
    return mysql_library_init(0, NULL, NULL) == 0 ? 0 : -ENOMEM;
}

void db_library_done(void)
{
    mysql_library_end();
}

void db_thread_init(void)
{
    mysql_thread_init();
}

void db_thread_done(void)
{
    mysql_thread_end();
}

MYSQL *db_handle(struct db *db)
{
    return db->mysql;
}

enum db_status db_failure(struct db *db, struct error *error)
{
    unsigned number = mysql_errno(db->mysql);
    if (number == 0) /* the library failed without saying why: trust nothing of this connection */
        number = 2013;
    error_set(error, "%s (error %u)", mysql_error(db->mysql), number);
    return db_status_of(number);
}

static enum db_status connect_failure(struct db *db, struct error *error)
{
    enum { ER_DBACCESS_DENIED = 1044 };
    struct error said = { "" };
    enum db_status status = db_failure(db, &said);

    /* A user who has privileges on tables only has none while the tables are not there. */
    if (mysql_errno(db->mysql) == ER_DBACCESS_DENIED)
        error_set(error,
                  "%s: the user has no privilege on any table there: is the schema there (`dueq "
                  "migrate`, as its owner), and were the privileges on its tables given "
                  "(grants.sql, part 2)?",
                  said.text);
    else
        error_set(error, "%s", said.text);
    return status;
}

static enum db_status check_version(struct db *db, struct error *error)
{
    server_version_read(mysql_get_server_info(db->mysql), &db->version);
    if (server_version_will_do(&db->version))
        return DB_OK;
    error_set(error,
              "the server is %s, which has no SELECT … FOR UPDATE SKIP LOCKED or no CHECK "
              "constraints: dueq needs MariaDB 10.6 or later, or MySQL 8.0.16 or later",
              db->version.text);
    return DB_FATAL;
}

static enum db_status set_up_session(struct db *db, struct error *error)
{
    enum db_status status = check_version(db, error);
    if (status == DB_OK)
        status = db_run(db,
                        "SET SESSION time_zone = '+00:00', "
                        "sql_mode = 'STRICT_TRANS_TABLES,NO_ENGINE_SUBSTITUTION', "
                        "innodb_lock_wait_timeout = 1, autocommit = 1",
                        error);
    if (status == DB_OK)
        status = db_run(db, "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED", error);
    if (status == DB_OK)
        status = db_query_u64(db, "SELECT @@max_allowed_packet", &db->max_packet, error);
    return status;
}

static unsigned whole_seconds(int64_t us)
{
    return (unsigned) ((us + 999999) / 1000000);
}

static void set_options(MYSQL *mysql, const struct db_options *options)
{
    unsigned connect_s = whole_seconds(options->connect_timeout_us);
    unsigned read_s = whole_seconds(options->read_timeout_us);
    unsigned long packet =
        1UL << 30; /* the most the protocol has: the server's own limit is what counts */

    if (connect_s)
        mysql_options(mysql, MYSQL_OPT_CONNECT_TIMEOUT, &connect_s);
    if (read_s) {
        mysql_options(mysql, MYSQL_OPT_READ_TIMEOUT, &read_s);
        mysql_options(mysql, MYSQL_OPT_WRITE_TIMEOUT, &read_s);
    }
    mysql_options(mysql, MYSQL_SET_CHARSET_NAME, "utf8mb4");
    mysql_options(mysql, MYSQL_OPT_MAX_ALLOWED_PACKET, &packet);
    client_set_tls(mysql, options);
}

/* A peer that vanishes is noticed: while nothing is under way, after about 25 s; while something is
 * sent, after the read timeout. */
static void watch_peer(MYSQL *mysql, const struct db_options *options)
{
    static const int on = 1, idle_s = 10, interval_s = 5, probes = 3;
    unsigned unacknowledged_ms = whole_seconds(options->read_timeout_us) * 1000;
    int fd = client_descriptor(mysql);

    if (options->socket)
        return;
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle_s, sizeof idle_s);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval_s, sizeof interval_s);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof probes);
    if (unacknowledged_ms)
        setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &unacknowledged_ms, sizeof unacknowledged_ms);
}

enum db_status db_open(const struct db_options *options, struct db **ret_db, struct error *error)
{
    struct db *db = calloc(1, sizeof *db);
    if (db)
        db->mysql = mysql_init(NULL);
    if (!db || !db->mysql) {
        free(db);
        error_set(error, "out of memory");
        return DB_FATAL;
    }

    enum db_status status;
    set_options(db->mysql, options);
    /* FOUND_ROWS: an UPDATE counts the rows it matched, also those it left as they were. Fencing
     * counts on it. */
    unsigned long flags = CLIENT_FOUND_ROWS;
    if (options->multi_statements)
        flags |= CLIENT_MULTI_STATEMENTS;
    if (!mysql_real_connect(db->mysql, options->socket ? "localhost" : options->host, options->user,
                            options->password, options->database,
                            options->socket ? 0 : options->port, options->socket, flags)) {
        status = connect_failure(db, error);
    } else if (options->tls != DB_TLS_OFF && !mysql_get_ssl_cipher(db->mysql)) {
        error_set(error,
                  "TLS was asked for, but the server offers none: turn it on there (ssl_cert, "
                  "ssl_key), or set tls.mode = \"off\" for a connection that is private by itself");
        status = DB_FATAL;
    } else {
        watch_peer(db->mysql, options);
        status = set_up_session(db, error);
    }
    if (status != DB_OK) {
        open_error_number = mysql_errno(db->mysql);
        db_close(db);
        return status;
    }
    *ret_db = db;
    return DB_OK;
}

unsigned db_open_error_number(void)
{
    return open_error_number;
}

void db_close(struct db *db)
{
    if (!db)
        return;
    mysql_close(db->mysql);
    free(db);
}

void db_abort(struct db *db)
{
    shutdown(client_descriptor(db->mysql), SHUT_RDWR);
}

static enum db_status send_statement(struct db *db, const char *sql, size_t len,
                                     struct error *error)
{
    /* The server would answer a larger packet, whose first byte is the command, by closing the
     * connection: then nothing tells that doing it again gives the same. */
    if (db->max_packet > 0 && len + 1 >= db->max_packet) {
        error_set(error,
                  "the statement has %zu bytes, and max_allowed_packet of the server lets %llu "
                  "through",
                  len, (unsigned long long) db->max_packet);
        return DB_CONSTRAINT;
    }
    db->statements++;
    if (mysql_real_query(db->mysql, sql, (unsigned long) len) == 0)
        return DB_OK;
    return db_failure(db, error);
}

enum db_status db_execute(struct db *db, const char *sql, size_t len, uint64_t *ret_affected,
                          struct error *error)
{
    enum db_status status = send_statement(db, sql, len, error);
    if (status != DB_OK)
        return status;

    MYSQL_RES *result = mysql_store_result(
        db->mysql); /* a statement that returns rows: discard them */
    if (!result && mysql_errno(db->mysql) != 0)
        return db_failure(db, error);
    if (ret_affected)
        *ret_affected = mysql_affected_rows(db->mysql);
    mysql_free_result(result);
    return DB_OK;
}

enum db_status db_run(struct db *db, const char *sql, struct error *error)
{
    return db_execute(db, sql, strlen(sql), NULL, error);
}

static enum db_status buffer_failure(struct error *error)
{
    error_set(error, "out of memory for a statement");
    return DB_FATAL;
}

enum db_status db_execute_buffer(struct db *db, const struct buffer *sql, uint64_t *ret_affected,
                                 struct error *error)
{
    if (sql->failed)
        return buffer_failure(error);
    return db_execute(db, sql->bytes, sql->len, ret_affected, error);
}

enum db_status db_execute_script(struct db *db, const char *sql, size_t len, struct error *error)
{
    enum db_status status = send_statement(db, sql, len, error);
    if (status != DB_OK)
        return status;
    int more;
    do {
        MYSQL_RES *result = mysql_store_result(db->mysql);
        mysql_free_result(result);
        more = mysql_next_result(db->mysql);
    } while (more == 0);
    return more < 0 ? DB_OK : db_failure(db, error); /* -1: no more; above 0: an error */
}

enum db_status db_query(struct db *db, const char *sql, size_t len, struct db_result **ret_result,
                        struct error *error)
{
    enum db_status status = send_statement(db, sql, len, error);
    if (status != DB_OK)
        return status;

    /* An error may come only here, after a query that returned OK: Galera's conflicts do. */
    MYSQL_RES *rows = mysql_store_result(db->mysql);
    if (!rows)
        return db_failure(db, error);
    struct db_result *result = calloc(1, sizeof *result);
    if (!result) {
        mysql_free_result(rows);
        error_set(error, "out of memory for a result");
        return DB_FATAL;
    }
    result->result = rows;
    result->columns = mysql_num_fields(rows);
    *ret_result = result;
    return DB_OK;
}

enum db_status db_query_buffer(struct db *db, const struct buffer *sql,
                               struct db_result **ret_result, struct error *error)
{
    if (sql->failed)
        return buffer_failure(error);
    return db_query(db, sql->bytes, sql->len, ret_result, error);
}

void db_result_free(struct db_result *result)
{
    if (!result)
        return;
    mysql_free_result(result->result);
    free(result);
}

size_t db_result_rows(const struct db_result *result)
{
    return (size_t) mysql_num_rows(result->result);
}

unsigned db_result_columns(const struct db_result *result)
{
    return result->columns;
}

const char *db_result_column_name(const struct db_result *result, unsigned column)
{
    return mysql_fetch_field_direct(result->result, column)->name;
}

bool db_result_next(struct db_result *result)
{
    result->row = mysql_fetch_row(result->result);
    result->lengths = result->row ? mysql_fetch_lengths(result->result) : NULL;
    return result->row != NULL;
}

const char *db_text(const struct db_result *result, unsigned column, size_t *ret_len)
{
    assert(result->row && column < result->columns);
    if (ret_len)
        *ret_len = result->row[column] ? result->lengths[column] : 0;
    return result->row[column];
}

bool db_is_null(const struct db_result *result, unsigned column)
{
    return db_text(result, column, NULL) == NULL;
}

uint64_t db_u64(const struct db_result *result, unsigned column)
{
    const char *text = db_text(result, column, NULL);
    return text ? strtoull(text, NULL, 10) : 0;
}

int64_t db_i64(const struct db_result *result, unsigned column)
{
    const char *text = db_text(result, column, NULL);
    return text ? strtoll(text, NULL, 10) : 0;
}

enum db_status db_query_u64(struct db *db, const char *sql, uint64_t *ret_value,
                            struct error *error)
{
    struct db_result *result = NULL;
    enum db_status status = db_query(db, sql, strlen(sql), &result, error);
    if (status != DB_OK)
        return status;
    assert(result);
    if (db_result_next(result) && !db_is_null(result, 0))
        *ret_value = db_u64(result, 0);
    else
        status = DB_NO_ROW;
    db_result_free(result);
    return status;
}

void db_append_quoted(struct db *db, struct buffer *sql, const char *text, size_t len)
{
    if (!text) {
        buffer_append_text(sql, "NULL");
        return;
    }
    if (len > SIZE_MAX / 4) {
        sql->failed = 1;
        return;
    }
    buffer_append_char(sql, '\'');
    char *room = buffer_reserve(sql, len * 2 + 1); /* what the escaping may need at the most */
    if (room) {
        sql->len += client_escape(db->mysql, room, text, len);
        sql->bytes[sql->len] = '\0';
    }
    buffer_append_char(sql, '\'');
}

unsigned db_error_number(const struct db *db)
{
    return mysql_errno(db->mysql);
}

uint64_t db_insert_id(const struct db *db)
{
    return mysql_insert_id(db->mysql);
}

uint64_t db_connection_id(const struct db *db)
{
    return mysql_thread_id(db->mysql);
}

bool db_is_mariadb(const struct db *db)
{
    return db->version.mariadb;
}

const char *db_server_version(const struct db *db)
{
    return db->version.text;
}

uint64_t db_max_packet(const struct db *db)
{
    return db->max_packet;
}

uint64_t db_statement_count(const struct db *db)
{
    return db->statements;
}
