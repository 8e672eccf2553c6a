#include "text.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static bool continues(unsigned char c)
{
    return (c & 0xc0) == 0x80;
}

size_t text_character(const char *text, size_t len)
{
    /* The second byte's range is what tells overlong forms, surrogates and more than U+10FFFF apart
     * (RFC 3629, section 4); the bytes behind it are all alike. */
    unsigned char first = len ? (unsigned char) text[0] : 0xff;
    unsigned char low = 0x80, high = 0xbf;
    size_t need;

    if (first < 0x80)
        return 1;
    if (first >= 0xc2 && first <= 0xdf)
        need = 2;
    else if (first >= 0xe0 && first <= 0xef)
        need = 3;
    else if (first >= 0xf0 && first <= 0xf4)
        need = 4;
    else
        return 0;
    if (first == 0xe0)
        low = 0xa0;
    else if (first == 0xed)
        high = 0x9f;
    else if (first == 0xf0)
        low = 0x90;
    else if (first == 0xf4)
        high = 0x8f;

    if (len < need || (unsigned char) text[1] < low || (unsigned char) text[1] > high)
        return 0;
    for (size_t i = 2; i < need; i++)
        if (!continues((unsigned char) text[i]))
            return 0;
    return need;
}

void text_clean(char *text, size_t len)
{
    for (size_t i = 0; i < len;) {
        size_t taken = text_character(text + i, len - i);
        unsigned char c = (unsigned char) text[i];
        if (taken == 0) {
            text[i] = '?';
            taken = 1;
        } else if ((c < 0x20 && c != '\n' && c != '\t') || c == 0x7f) {
            text[i] = ' ';
        }
        i += taken;
    }
}

int tail_init(struct tail *tail, size_t size)
{
    *tail = (struct tail){ .size = size };
    tail->bytes = malloc(size + 1);
    return tail->bytes ? 0 : -ENOMEM;
}

void tail_done(struct tail *tail)
{
    free(tail->bytes);
    *tail = (struct tail){ 0 };
}

void tail_add(struct tail *tail, const char *bytes, size_t len)
{
    if (len > tail->size) {
        bytes += len - tail->size;
        len = tail->size;
        tail->cut = true;
        tail->len = 0;
    }
    if (len > tail->size - tail->len) {
        size_t drop = len - (tail->size - tail->len);
        memmove(tail->bytes, tail->bytes + drop, tail->len - drop);
        tail->len -= drop;
        tail->cut = true;
    }
    if (len)
        memcpy(tail->bytes + tail->len, bytes, len);
    tail->len += len;
}

void tail_clear(struct tail *tail)
{
    tail->len = 0;
    tail->cut = false;
}

void message_set(struct dueq_result *result, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(result->message, result->message_size, format, args);
    va_end(args);
}

static bool blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\0';
}

void message_add_end_of(struct dueq_result *result, const char *bytes, size_t len, bool cut)
{
    static const char between[] = ": ", left_out[] = "...";
    size_t used = strlen(result->message);

    while (len && blank(bytes[len - 1]))
        len--;
    while (!cut && len && blank(bytes[0])) {
        bytes++;
        len--;
    }
    if (!len || used + strlen(between) + strlen(left_out) + 1 >= result->message_size)
        return;
    size_t room = result->message_size - 1 - used - strlen(between);
    if (len > room)
        cut = true;
    if (cut) {
        room -= strlen(left_out);
        size_t skip = len > room ? len - room : 0;
        /* not into the middle of a character */
        for (int i = 0; i < 3 && skip < len && continues((unsigned char) bytes[skip]); i++)
            skip++;
        bytes += skip;
        len -= skip;
    }
    char *end = stpcpy(result->message + used, between);
    if (cut)
        end = stpcpy(end, left_out);
    memcpy(end, bytes, len);
    end[len] = '\0';
    text_clean(end, len);
}

char *text_time(int64_t us, char out[TEXT_TIME_SIZE])
{
    int64_t fraction = us % 1000000;
    int64_t seconds = us / 1000000;
    if (fraction < 0) {
        fraction += 1000000;
        seconds--;
    }
    time_t time = (time_t) seconds;
    struct tm tm;
    size_t len = 0;
    if (gmtime_r(&time, &tm))
        len = strftime(out, TEXT_TIME_SIZE, "%Y-%m-%dT%H:%M:%S", &tm);
    snprintf(out + len, TEXT_TIME_SIZE - len, ".%06" PRId64 "Z", fraction);
    return out;
}

char *text_seconds(int64_t us, char out[TEXT_TIME_SIZE])
{
    if (us < 0)
        us = 0;
    int len = snprintf(out, TEXT_TIME_SIZE, "%" PRId64 ".%06" PRId64, us / 1000000, us % 1000000);
    while (len > 0 && out[len - 1] == '0')
        len--;
    if (len > 0 && out[len - 1] == '.')
        len--;
    out[len] = '\0';
    return out;
}
