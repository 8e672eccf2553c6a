#include "prepared.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "database.h"

enum { MAX_PARAMETERS = 8, MAX_COLUMNS = 16, COLUMN_BYTES = 1024 };

struct prepared {
    MYSQL_STMT *statement;
    unsigned columns;
    MYSQL_BIND parameters[MAX_PARAMETERS];
    MYSQL_BIND results[MAX_COLUMNS];
    char texts[MAX_COLUMNS][COLUMN_BYTES];
    int64_t integers[MAX_COLUMNS];
    MYSQL_TIME times[MAX_COLUMNS];
};

static _Noreturn void fail(const struct prepared *prepared, const char *sql)
{
    fprintf(stderr, "bench: %s in %.300s\n", mysql_stmt_error(prepared->statement), sql);
    exit(1);
}

/* Each as the server sends it, so that nothing is converted. What is longer than its buffer is cut:
 * it has come over the wire all the same. */
static void bind_results(struct prepared *prepared)
{
    MYSQL_RES *fields = mysql_stmt_result_metadata(prepared->statement);

    prepared->columns = fields ? mysql_num_fields(fields) : 0;
    for (unsigned i = 0; i < prepared->columns && i < MAX_COLUMNS; i++) {
        MYSQL_BIND *result = &prepared->results[i];
        enum enum_field_types type = mysql_fetch_field_direct(fields, i)->type;
        result->buffer_type = type;
        if (type == MYSQL_TYPE_LONGLONG || type == MYSQL_TYPE_LONG || type == MYSQL_TYPE_TINY) {
            result->buffer_type = MYSQL_TYPE_LONGLONG;
            result->buffer = &prepared->integers[i];
        } else if (type == MYSQL_TYPE_TIMESTAMP) {
            result->buffer = &prepared->times[i];
        } else {
            result->buffer_type = MYSQL_TYPE_STRING;
            result->buffer = prepared->texts[i];
            result->buffer_length = COLUMN_BYTES;
        }
    }
    mysql_free_result(fields);
}

struct prepared *prepared_new(MYSQL *mysql, const char *sql)
{
    struct prepared *prepared = calloc(1, sizeof *prepared);
    if (!prepared)
        abort();
    prepared->statement = mysql_stmt_init(mysql);
    if (mysql_stmt_prepare(prepared->statement, sql, (unsigned long) strlen(sql)) != 0)
        fail(prepared, sql);
    bind_results(prepared);
    return prepared;
}

void prepared_free(struct prepared *prepared)
{
    if (!prepared)
        return;
    mysql_stmt_close(prepared->statement);
    free(prepared);
}

long prepared_run(struct prepared *prepared, const uint64_t *values)
{
    MYSQL_STMT *statement = prepared->statement;
    uint64_t held[MAX_PARAMETERS];
    long rows = 0;

    for (unsigned i = 0; i < mysql_stmt_param_count(statement) && i < MAX_PARAMETERS; i++) {
        held[i] = values[i];
        prepared->parameters[i] = (MYSQL_BIND){ .buffer_type = MYSQL_TYPE_LONGLONG,
                                                .buffer = &held[i],
                                                .is_unsigned = 1 };
    }
    if (mysql_stmt_bind_param(statement, prepared->parameters) || mysql_stmt_execute(statement))
        fail(prepared, "a prepared statement");
    if (!prepared->columns)
        return (long) mysql_stmt_affected_rows(statement);
    if (mysql_stmt_bind_result(statement, prepared->results) || mysql_stmt_store_result(statement))
        fail(prepared, "a prepared query");
    for (int r; (r = mysql_stmt_fetch(statement)) == 0 || r == MYSQL_DATA_TRUNCATED;)
        rows++;
    mysql_stmt_free_result(statement);
    return rows;
}
