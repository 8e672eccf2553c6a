#include "table.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "output.h"

void table_init(struct table *table, const struct table_column *columns, size_t column_count)
{
    *table = (struct table){ .columns = columns, .column_count = column_count };
}

void table_done(struct table *table)
{
    for (size_t i = 0; i < table->cell_count; i++)
        free(table->cells[i]);
    free(table->cells);
    *table = (struct table){ 0 };
}

void table_cell_bytes(struct table *table, const char *bytes, size_t len)
{
    struct buffer cell = { 0 };

    if (table->cell_count == table->cell_size) {
        size_t size = table->cell_size ? table->cell_size * 2 : 64;
        char **cells = reallocarray(table->cells, size, sizeof *cells);
        if (!cells) {
            table->failed = true;
            return;
        }
        table->cells = cells;
        table->cell_size = size;
    }
    const struct table_column *column = &table->columns[table->cell_count % table->column_count];
    output_escape(&cell, bytes, len);
    if (column->longest)
        output_cut(&cell, column->longest);
    buffer_append_text(&cell, "");
    if (cell.failed) {
        buffer_done(&cell);
        table->failed = true;
        return;
    }
    table->cells[table->cell_count++] = cell.bytes;
}

void table_cell(struct table *table, const char *format, ...)
{
    char *text = NULL;
    va_list args;
    va_start(args, format);
    int len = vasprintf(&text, format, args);
    va_end(args);
    if (len < 0) {
        table->failed = true;
        return;
    }
    table_cell_bytes(table, text, (size_t) len);
    free(text);
}

void table_cell_row(struct table *table, struct row_text text)
{
    if (text.bytes)
        table_cell_bytes(table, text.bytes, text.len);
    else
        table_cell_bytes(table, "-", 1);
}

void table_cell_u64(struct table *table, uint64_t value)
{
    table_cell(table, "%llu", (unsigned long long) value);
}

static size_t column_width(const struct table *table, size_t column)
{
    size_t width = output_width(table->columns[column].name);
    for (size_t i = column; i < table->cell_count; i += table->column_count) {
        size_t cell = output_width(table->cells[i]);
        if (cell > width)
            width = cell;
    }
    return width;
}

/* One cell, padded on the side that is not its own. Nothing follows the last one. */
static void print_cell(const struct table *table, size_t column, size_t width, const char *text)
{
    size_t used = output_width(text);
    int pad = (int) (width > used ? width - used : 0);
    bool last = column + 1 == table->column_count;

    if (table->columns[column].right)
        printf("%*s%s%s", pad, "", text, last ? "\n" : "  ");
    else if (last)
        printf("%s\n", text);
    else
        printf("%s%*s  ", text, pad, "");
}

bool table_print(const struct table *table)
{
    if (table->failed) {
        output_error("out of memory for a table");
        return false;
    }
    assert(table->cell_count % table->column_count == 0);
    size_t *widths = calloc(table->column_count, sizeof *widths);
    if (!widths) {
        output_error("out of memory for a table");
        return false;
    }
    for (size_t c = 0; c < table->column_count; c++)
        widths[c] = column_width(table, c);
    fputs(output_bold(), stdout);
    for (size_t c = 0; c < table->column_count; c++)
        print_cell(table, c, widths[c], table->columns[c].name);
    fputs(output_plain(), stdout);
    for (size_t i = 0; i < table->cell_count; i++)
        print_cell(table, i % table->column_count, widths[i % table->column_count],
                   table->cells[i]);
    free(widths);
    return true;
}
