#include "suggest.h"

#include <stdbool.h>
#include <string.h>

enum { NAME_MAX_LEN = 64 }; /* a longer one is no slip of the finger */

static size_t least(size_t a, size_t b, size_t c)
{
    size_t ab = a < b ? a : b;
    return ab < c ? ab : c;
}

/* Edits (insert, delete, change a letter, swap two neighbours) from a to b: the optimal string
 * alignment distance, of which only three rows are kept. */
static size_t edits_between(const char *a, size_t a_len, const char *b, size_t b_len)
{
    size_t rows[3][NAME_MAX_LEN + 1] = { { 0 } };
    size_t *before = rows[0], *above = rows[1], *row = rows[2];
    for (size_t j = 0; j <= b_len; j++)
        above[j] = j;
    for (size_t i = 1; i <= a_len; i++) {
        row[0] = i;
        for (size_t j = 1; j <= b_len; j++) {
            bool same = a[i - 1] == b[j - 1];
            row[j] = least(above[j] + 1, row[j - 1] + 1, above[j - 1] + (same ? 0 : 1));
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
                before[j - 2] + 1 < row[j])
                row[j] = before[j - 2] + 1;
        }
        size_t *oldest = before;
        before = above;
        above = row;
        row = oldest;
    }
    return above[b_len];
}

const char *suggest_name(const char *found, const char *const *names, size_t count)
{
    size_t found_len = strlen(found);
    if (found_len > NAME_MAX_LEN)
        return NULL;
    const char *nearest = NULL;
    size_t fewest = found_len / 3 + 1;
    for (size_t i = 0; i < count; i++) {
        size_t len = strlen(names[i]);
        if (len > NAME_MAX_LEN)
            continue;
        size_t edits = edits_between(found, found_len, names[i], len);
        if (edits < fewest) {
            nearest = names[i];
            fewest = edits;
        } else if (edits == fewest && nearest && strcmp(nearest, names[i]) != 0) {
            nearest = NULL;
        }
    }
    return nearest;
}
