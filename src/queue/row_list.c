#include "row_list.h"

void row_list_done(struct row_list *list)
{
    buffer_done(&list->json);
    *list = (struct row_list){ 0 };
}

void row_list_clear(struct row_list *list)
{
    buffer_clear(&list->json);
    list->rows = 0;
    list->column = 0;
}

void row_list_next(struct row_list *list)
{
    buffer_append_text(&list->json, list->rows ? "],[" : "[[");
    list->rows++;
    list->column = 0;
}

static void separate(struct row_list *list)
{
    if (list->column++)
        buffer_append_char(&list->json, ',');
}

void row_list_u64(struct row_list *list, uint64_t value)
{
    separate(list);
    buffer_append_u64(&list->json, value);
}

void row_list_i64(struct row_list *list, int64_t value)
{
    separate(list);
    buffer_append_i64(&list->json, value);
}

void row_list_text(struct row_list *list, const char *text, size_t len)
{
    separate(list);
    buffer_append_json(&list->json, text, len);
}

void row_list_append(struct row_list *list, struct db *db, struct buffer *sql,
                     const char *const *columns, size_t count)
{
    buffer_append_text(&list->json, list->rows ? "]]" : "[]");
    if (list->json.failed)
        sql->failed = 1;
    buffer_append_text(sql, "JSON_TABLE(");
    db_append_quoted(db, sql, list->json.bytes, list->json.len);
    buffer_append_text(sql, ", '$[*]' COLUMNS (");
    for (size_t i = 0; i < count; i++)
        buffer_append_format(sql, "%s%s PATH '$[%zu]'", i ? ", " : "", columns[i], i);
    buffer_append_text(sql, ")) t");
}

void row_list_append_ids(struct buffer *sql, const uint64_t *ids, size_t count)
{
    buffer_append_text(sql, "JSON_TABLE('[");
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            buffer_append_char(sql, ',');
        buffer_append_u64(sql, ids[i]);
    }
    buffer_append_text(sql, "]', '$[*]' COLUMNS (id BIGINT UNSIGNED PATH '$')) t");
}

void row_list_append_locking(struct row_list *list, struct db *db, struct buffer *sql,
                             const char *const *columns, size_t count)
{
    buffer_append_text(sql, "(SELECT * FROM ");
    row_list_append(list, db, sql, columns, count);
    buffer_append_text(sql, ") t");
}
