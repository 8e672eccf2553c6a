#include "scrub.h"

#include <stdbool.h>
#include <string.h>

/* How many bytes of blank stand at `bytes`: a space or a control character. 0: none. */
static size_t blank_len(const unsigned char *bytes, size_t len)
{
    if (bytes[0] <= 0x20 || bytes[0] == 0x7f)
        return 1;
    /* U+0080 … U+009F, among them CSI, which a terminal obeys. */
    if (bytes[0] == 0xc2 && len > 1 && bytes[1] >= 0x80 && bytes[1] <= 0x9f)
        return 2;
    return 0;
}

size_t scrub_text(const char *bytes, size_t len, char *out, size_t size)
{
    size_t n = 0;
    bool space = false;

    for (size_t i = 0; i < len;) {
        size_t blank = blank_len((const unsigned char *) bytes + i, len - i);
        if (blank > 0) {
            space = n > 0;
            i += blank;
            continue;
        }
        if (n + space + 1 >= size)
            break;
        if (space)
            out[n++] = ' ';
        space = false;
        out[n++] = bytes[i++];
    }
    out[n] = '\0';
    return n;
}

void scrub_userinfo(char *url)
{
    char *start = strstr(url, "//");
    if (!start)
        return;
    start += 2;

    /* The last one: "user:p@ss@host" is what people write, and what libcurl understands. */
    char *at = NULL;
    for (char *c = start; *c && *c != '/' && *c != '?' && *c != '#'; c++)
        if (*c == '@')
            at = c;
    if (at)
        memmove(start, at + 1, strlen(at + 1) + 1);
}
