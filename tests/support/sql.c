#include "sql.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fail.h"
#include "wait.h"

static char *formatted(const char *format, va_list args)
{
    char *text;
    if (vasprintf(&text, format, args) < 0)
        abort();
    return text;
}

static void fail_with(MYSQL *connection, const char *sql)
{
    test_fail("%.2000s\n  failed with %u: %s", sql, mysql_errno(connection),
              mysql_error(connection));
}

/* Runs the text and, for each statement, throws its result away. Returns the first error's number.
 */
static unsigned run_all(MYSQL *connection, const char *sql, uint64_t *ret_changed)
{
    if (mysql_real_query(connection, sql, strlen(sql)))
        return mysql_errno(connection);
    for (;;) {
        MYSQL_RES *result = mysql_store_result(connection);
        if (!result && mysql_field_count(connection) > 0)
            return mysql_errno(connection);
        if (!result && ret_changed)
            *ret_changed = mysql_affected_rows(connection);
        mysql_free_result(result);
        int next = mysql_next_result(connection);
        if (next > 0)
            return mysql_errno(connection);
        if (next < 0)
            return 0;
    }
}

uint64_t sql_run(MYSQL *connection, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    char *sql = formatted(format, args);
    va_end(args);

    uint64_t changed = 0;
    if (run_all(connection, sql, &changed))
        fail_with(connection, sql);
    free(sql);
    return changed;
}

unsigned sql_try(MYSQL *connection, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    char *sql = formatted(format, args);
    va_end(args);

    unsigned number = run_all(connection, sql, NULL);
    free(sql);
    return number;
}

/* The first column of the first row, to be freed. */
static char *first_value(MYSQL *connection, const char *sql)
{
    char *value = NULL;
    if (mysql_real_query(connection, sql, strlen(sql)))
        fail_with(connection, sql);
    MYSQL_RES *result = mysql_store_result(connection);
    if (!result && mysql_errno(connection))
        fail_with(connection, sql);
    if (!result)
        test_fail("%.2000s\n  gives no rows at all: it is no query", sql);
    MYSQL_ROW row = mysql_fetch_row(result);
    if (row && row[0]) {
        unsigned long len = mysql_fetch_lengths(result)[0];
        value = malloc(len + 1);
        if (!value)
            abort();
        memcpy(value, row[0], len);
        value[len] = '\0';
    }
    mysql_free_result(result);
    return value;
}

char *sql_text(MYSQL *connection, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    char *sql = formatted(format, args);
    va_end(args);

    char *value = first_value(connection, sql);
    free(sql);
    return value;
}

uint64_t sql_u64(MYSQL *connection, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    char *sql = formatted(format, args);
    va_end(args);

    char *value = first_value(connection, sql);
    if (!value)
        test_fail("%.2000s\n  gave no row, or NULL", sql);
    char *end;
    errno = 0;
    uint64_t number = strtoull(value, &end, 10);
    if (errno || end == value || *end || *value == '-')
        test_fail("%.2000s\n  gave \"%.100s\", which is no unsigned integer", sql, value);
    free(value);
    free(sql);
    return number;
}

struct question {
    MYSQL *connection;
    const char *sql;
    char last[64];
};

static bool is_answered(void *userdata)
{
    struct question *question = userdata;
    char *value = first_value(question->connection, question->sql);
    bool answered = value && strtod(value, NULL) != 0;
    snprintf(question->last, sizeof question->last, "%s", value ? value : "NULL");
    free(value);
    return answered;
}

void sql_wait_until(MYSQL *connection, int limit_s, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    char *sql = formatted(format, args);
    va_end(args);

    struct question question = { .connection = connection, .sql = sql };
    if (!wait_until(is_answered, &question, limit_s))
        test_fail("%.2000s\n  has not come about within %d s; it gives %s", sql, limit_s,
                  question.last);
    free(sql);
}
