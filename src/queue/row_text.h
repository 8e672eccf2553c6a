#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "arena.h"
#include "connection.h"

/* A value of a row that is to be shown. Whatever a producer wrote: any bytes, NULs among them. */
struct row_text {
    const char *bytes; /* NULL: SQL NULL; else with a NUL behind it */
    size_t len;
};

/* Copies the current row's value into the arena. *failed is set where there is no memory, and left
 * alone otherwise, so that one look after a row is enough. */
struct row_text row_text_copy(const struct db_result *result, unsigned column, struct arena *arena,
                              bool *failed);

/* A TIMESTAMP(6) as microseconds since 1970, for db_i64; 0 for NULL and for 0000-00-00. */
#define ROW_TIME_US(column) "CAST(UNIX_TIMESTAMP(" column ") * 1000000 AS SIGNED)"
