#include "utf8.h"

#include <stdbool.h>
#include <string.h>

static bool tail(unsigned char c)
{
    return (c & 0xc0) == 0x80;
}

size_t utf8_character(const char *text, size_t len)
{
    const unsigned char *t = (const unsigned char *) text;

    if (len == 0)
        return 0;
    if (t[0] < 0x80)
        return 1;
    if (t[0] >= 0xc2 && t[0] <= 0xdf)
        return len >= 2 && tail(t[1]) ? 2 : 0;
    if (t[0] >= 0xe0 && t[0] <= 0xef) {
        if (len < 3 || !tail(t[1]) || !tail(t[2]))
            return 0;
        if (t[0] == 0xe0 && t[1] < 0xa0) /* overlong */
            return 0;
        if (t[0] == 0xed && t[1] > 0x9f) /* surrogate */
            return 0;
        return 3;
    }
    if (t[0] >= 0xf0 && t[0] <= 0xf4) {
        if (len < 4 || !tail(t[1]) || !tail(t[2]) || !tail(t[3]))
            return 0;
        if ((t[0] == 0xf0 && t[1] < 0x90) || (t[0] == 0xf4 && t[1] > 0x8f))
            return 0;
        return 4;
    }
    return 0;
}

size_t utf8_scrub(const char *text, size_t len, char *out, size_t size)
{
    static const char replacement[] = "\xef\xbf\xbd";
    size_t used = 0;

    if (size == 0)
        return 0;
    for (size_t i = 0; i < len;) {
        size_t taken = utf8_character(text + i, len - i);
        const char *from = text + i;
        size_t put = taken;
        if (taken == 0) {
            from = replacement;
            put = sizeof replacement - 1;
            taken = 1;
        } else if (text[i] == '\0') {
            from = " ";
        }
        if (used + put > size - 1)
            break;
        memcpy(out + used, from, put);
        used += put;
        i += taken;
    }
    out[used] = '\0';
    return used;
}
