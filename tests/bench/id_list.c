#include "id_list.h"

void id_list_append_table(struct buffer *sql, const uint64_t *ids, size_t count)
{
    buffer_append_text(sql, "JSON_TABLE('[");
    for (size_t i = 0; i < count; i++) {
        buffer_append_text(sql, i ? ",[" : "[");
        buffer_append_u64(sql, ids[i]);
        buffer_append_char(sql, ']');
    }
    buffer_append_text(sql, "]', '$[*]' COLUMNS (id BIGINT UNSIGNED PATH '$[0]')) t");
}

void id_list_append_fences(struct buffer *sql, const uint64_t *ids, size_t count, uint64_t lease,
                           uint32_t attempt)
{
    buffer_append_text(sql, "JSON_TABLE('[");
    for (size_t i = 0; i < count; i++) {
        buffer_append_text(sql, i ? ",[" : "[");
        buffer_append_u64(sql, ids[i]);
        buffer_append_char(sql, ',');
        buffer_append_u64(sql, lease);
        buffer_append_char(sql, ',');
        buffer_append_u64(sql, attempt);
        buffer_append_char(sql, ']');
    }
    buffer_append_text(sql, "]', '$[*]' COLUMNS (id BIGINT UNSIGNED PATH '$[0]', lease BIGINT"
                            " UNSIGNED PATH '$[1]', attempt INT UNSIGNED PATH '$[2]')) t");
}

void id_list_append_values(struct buffer *sql, const uint64_t *ids, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (i)
            buffer_append_char(sql, ',');
        buffer_append_u64(sql, ids[i]);
    }
}
