#include "kind_pattern.h"

#include <string.h>

void kind_pattern_append(struct db *db, struct buffer *sql, const char *column, const char *pattern)
{
    if (!pattern || strcmp(pattern, "*") == 0)
        return;
    size_t len = strlen(pattern);
    buffer_append_format(sql, " AND %s ", column);
    if (len < 2 || strcmp(pattern + len - 2, ".*") != 0) {
        buffer_append_text(sql, "= ");
        db_append_quoted(db, sql, pattern, len);
        return;
    }
    struct buffer like = { 0 };
    for (size_t i = 0; i < len - 1; i++) {
        if (strchr("%_|", pattern[i]))
            buffer_append_char(&like, '|');
        buffer_append_char(&like, pattern[i]);
    }
    buffer_append_char(&like, '%');
    if (like.failed)
        sql->failed = 1;
    buffer_append_text(sql, "LIKE ");
    db_append_quoted(db, sql, like.bytes, like.len);
    buffer_append_text(sql, " ESCAPE '|'");
    buffer_done(&like);
}
