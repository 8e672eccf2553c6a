#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buffer.h"
#include "row_text.h"

/* A table for people: a line of column names, then a line a row, each column as wide as what is in
 * it. Cells are filled in order, row after row, and are escaped by the table. */

struct table_column {
    const char *name;
    bool right;     /* for numbers */
    size_t longest; /* what is longer is cut; 0: nothing is */
};

struct table {
    const struct table_column *columns;
    size_t column_count;
    char **cells; /* owned, escaped */
    size_t cell_count, cell_size;
    bool failed; /* no memory for a cell: told by table_print */
};

/* Borrows the columns. */
void table_init(struct table *table, const struct table_column *columns, size_t column_count);
void table_done(struct table *table);

void table_cell(struct table *table, const char *format, ...) __attribute__((format(printf, 2, 3)));
void table_cell_bytes(struct table *table, const char *bytes, size_t len);
void table_cell_row(struct table *table, struct row_text text); /* "-" for NULL */
void table_cell_u64(struct table *table, uint64_t value);

/* To stdout. False: there was no memory. */
bool table_print(const struct table *table);
