#include "row_text.h"

struct row_text row_text_copy(const struct db_result *result, unsigned column, struct arena *arena,
                              bool *failed)
{
    struct row_text text = { 0 };
    const char *bytes = db_text(result, column, &text.len);
    if (!bytes)
        return text;
    text.bytes = arena_copy(arena, bytes, text.len);
    if (!text.bytes)
        *failed = true;
    return text;
}
