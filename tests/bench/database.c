#include "database.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

_Noreturn void database_fail(MYSQL *mysql, const char *sql)
{
    fprintf(stderr, "bench: %s in %.300s\n", mysql_error(mysql), sql);
    exit(1);
}

MYSQL *database_connect(void)
{
    MYSQL *mysql = mysql_init(NULL);
    if (!mysql || !mysql_real_connect(mysql, "localhost", "root", "", getenv("BENCH_DATABASE"), 0,
                                      getenv("DUEQ_TEST_SOCKET"), CLIENT_FOUND_ROWS))
        database_fail(mysql, "connecting");
    database_execute(mysql, "SET time_zone = '+00:00'");
    return mysql;
}

MYSQL *database_connect_lane(void)
{
    MYSQL *mysql = database_connect();
    database_execute(mysql, "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED");
    return mysql;
}

MYSQL_RES *database_query(MYSQL *mysql, const char *sql, size_t len)
{
    if (mysql_real_query(mysql, sql, (unsigned long) len) != 0)
        database_fail(mysql, sql);
    MYSQL_RES *result = mysql_store_result(mysql);
    if (!result && mysql_errno(mysql))
        database_fail(mysql, sql);
    return result;
}

MYSQL_RES *database_query_text(MYSQL *mysql, const char *sql)
{
    return database_query(mysql, sql, strlen(sql));
}

void database_execute(MYSQL *mysql, const char *sql)
{
    mysql_free_result(database_query_text(mysql, sql));
}

void database_execute_buffer(MYSQL *mysql, struct buffer *sql)
{
    if (sql->failed) {
        fprintf(stderr, "bench: out of memory\n");
        exit(1);
    }
    mysql_free_result(database_query(mysql, sql->bytes, sql->len));
    buffer_clear(sql);
}

double database_number(MYSQL *mysql, const char *sql)
{
    MYSQL_RES *result = database_query_text(mysql, sql);
    MYSQL_ROW row = result ? mysql_fetch_row(result) : NULL;
    double value = row && row[0] ? atof(row[0]) : 0;
    mysql_free_result(result);
    return value;
}

int64_t database_now_us(MYSQL *mysql)
{
    /* A double holds today's microseconds exactly: 51 bits of its 53. */
    return (int64_t) database_number(mysql,
                                     "SELECT CAST(UNIX_TIMESTAMP(NOW(6)) * 1000000 AS SIGNED)");
}

long database_questions(MYSQL *mysql)
{
    MYSQL_RES *result = database_query_text(mysql, "SHOW GLOBAL STATUS LIKE 'Questions'");
    MYSQL_ROW row = mysql_fetch_row(result);
    long count = row ? atol(row[1]) : 0;
    mysql_free_result(result);
    return count;
}

long database_server_pid(void)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    struct ucred peer = { 0 };
    socklen_t len = sizeof peer;
    const char *path = getenv("DUEQ_TEST_SOCKET");
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    snprintf(address.sun_path, sizeof address.sun_path, "%s", path ? path : "");
    if (fd < 0 || connect(fd, (struct sockaddr *) &address, sizeof address) != 0 ||
        getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) != 0) {
        fprintf(stderr, "bench: whose socket is %s?\n", address.sun_path);
        exit(1);
    }
    close(fd);
    return peer.pid;
}

bool database_is_mariadb(MYSQL *mysql)
{
    return strstr(mysql_get_server_info(mysql), "MariaDB") != NULL;
}
