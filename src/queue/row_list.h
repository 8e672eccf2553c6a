#pragma once

#include <stddef.h>
#include <stdint.h>

#include "buffer.h"
#include "connection.h"

/* A list of rows that drives a statement, as a table `t` in it:
 *
 *     UPDATE <row list> STRAIGHT_JOIN dueq_job j FORCE INDEX (PRIMARY) ON j.id = t.id SET …
 *
 * Look-ups by primary key whatever the size of the table; `id IN (…)` lets both optimizers scan a
 * small table, wait on the rows of other lanes there, and deadlock with them.
 *
 * Build the rows in `json` with row_list_next and the values in their order; then row_list_append
 * puts the table expression into the statement. Zero-initialise it; it keeps its memory over
 * row_list_clear. */
struct row_list {
    struct buffer json;
    size_t rows;
    unsigned column;
};

void row_list_done(struct row_list *list);
void row_list_clear(struct row_list *list);
void row_list_next(struct row_list *list); /* begins a row */
void row_list_u64(struct row_list *list, uint64_t value);
void row_list_i64(struct row_list *list, int64_t value);
void row_list_text(struct row_list *list, const char *text, size_t len); /* valid UTF-8 */

/* columns: "id BIGINT UNSIGNED", "delay_us BIGINT", … one for each value of a row. */
void row_list_append(struct row_list *list, struct db *db, struct buffer *sql,
                     const char *const *columns, size_t count);

/* The same for a SELECT … FOR UPDATE. MySQL takes the bare table function for one more table to
 * lock there, and refuses ("multiple locking clauses", 3569); both servers plan this one alike. */
void row_list_append_locking(struct row_list *list, struct db *db, struct buffer *sql,
                             const char *const *columns, size_t count);

/* The table of ids alone, column `id`, without a list: a flat array is read faster than rows. */
void row_list_append_ids(struct buffer *sql, const uint64_t *ids, size_t count);
