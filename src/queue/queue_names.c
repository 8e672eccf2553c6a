#include "queue_names.h"

#include <stdlib.h>
#include <string.h>

#include "row_text.h"

enum { MAX_QUEUES = 10000 }; /* against a producer that makes names up */

/* The first name after `last`. DB_NO_ROW: there is none. */
static enum db_status next_name(struct db *db, const char *last, struct arena *arena,
                                const char **ret_name, struct error *error)
{
    struct buffer sql = { 0 };
    struct db_result *result = NULL;
    bool failed = false;

    buffer_append_text(&sql, "SELECT queue FROM dueq_job FORCE INDEX (due)");
    if (last) {
        buffer_append_text(&sql, " WHERE queue > ");
        db_append_quoted(db, &sql, last, strlen(last));
    }
    buffer_append_text(&sql, " ORDER BY queue LIMIT 1");
    enum db_status status = db_query_buffer(db, &sql, &result, error);
    if (status == DB_OK && !db_result_next(result))
        status = DB_NO_ROW;
    if (status == DB_OK) {
        struct row_text name = row_text_copy(result, 0, arena, &failed);
        if (failed) {
            error_set(error, "out of memory");
            status = DB_FATAL;
        }
        *ret_name = name.bytes;
    }
    db_result_free(result);
    buffer_done(&sql);
    return status;
}

enum db_status queue_names_read(struct db *db, struct arena *arena, const char *const **ret_names,
                                size_t *ret_count, struct error *error)
{
    const char **found = calloc(MAX_QUEUES, sizeof *found);
    size_t count = 0;
    enum db_status status = DB_OK;

    if (!found) {
        error_set(error, "out of memory");
        return DB_FATAL;
    }
    while (status == DB_OK && count < MAX_QUEUES) {
        status = next_name(db, count ? found[count - 1] : NULL, arena, &found[count], error);
        if (status == DB_OK)
            count++;
    }
    if (status == DB_OK || status == DB_NO_ROW) {
        const char **names = arena_alloc(arena, (count + 1) * sizeof *names);
        status = names ? DB_OK : DB_FATAL;
        if (names) {
            memcpy(names, found, count * sizeof *names);
            *ret_names = names;
            *ret_count = count;
        } else {
            error_set(error, "out of memory");
        }
    }
    free(found);
    return status;
}
