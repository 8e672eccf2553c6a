#include "buffer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void buffer_done(struct buffer *buffer)
{
    free(buffer->bytes);
    *buffer = (struct buffer){ 0 };
}

void buffer_clear(struct buffer *buffer)
{
    buffer->len = 0;
    buffer->failed = 0;
    if (buffer->bytes)
        buffer->bytes[0] = '\0';
}

char *buffer_reserve(struct buffer *buffer, size_t len)
{
    if (buffer->failed || len > SIZE_MAX / 4 - buffer->len) {
        buffer->failed = 1;
        return NULL;
    }
    size_t needed = buffer->len + len + 1;
    if (needed > buffer->size) {
        size_t size = buffer->size ? buffer->size : 256;
        while (size < needed)
            size *= 2;
        char *bytes = realloc(buffer->bytes, size);
        if (!bytes) {
            buffer->failed = 1;
            return NULL;
        }
        buffer->bytes = bytes;
        buffer->size = size;
    }
    buffer->bytes[needed - 1] = '\0';
    return buffer->bytes + buffer->len;
}

void buffer_append(struct buffer *buffer, const void *bytes, size_t len)
{
    char *room = buffer_reserve(buffer, len);
    if (!room)
        return;
    if (len)
        memcpy(room, bytes, len);
    buffer->len += len;
    buffer->bytes[buffer->len] = '\0';
}

void buffer_append_text(struct buffer *buffer, const char *text)
{
    buffer_append(buffer, text, strlen(text));
}

void buffer_append_char(struct buffer *buffer, char c)
{
    buffer_append(buffer, &c, 1);
}

void buffer_append_u64(struct buffer *buffer, uint64_t value)
{
    char digits[20]; /* 2^64 has 20 */
    size_t start = sizeof digits;
    do {
        digits[--start] = (char) ('0' + value % 10);
        value /= 10;
    } while (value);
    buffer_append(buffer, digits + start, sizeof digits - start);
}

void buffer_append_i64(struct buffer *buffer, int64_t value)
{
    if (value < 0)
        buffer_append_char(buffer, '-');
    buffer_append_u64(buffer, value < 0 ? 0 - (uint64_t) value : (uint64_t) value);
}

void buffer_append_format(struct buffer *buffer, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    char *room = len < 0 ? NULL : buffer_reserve(buffer, (size_t) len);
    if (!room) {
        buffer->failed = 1;
        return;
    }
    va_start(args, format);
    vsnprintf(room, (size_t) len + 1, format, args);
    va_end(args);
    buffer->len += (size_t) len;
}

void buffer_append_json(struct buffer *buffer, const char *text, size_t len)
{
    buffer_append_char(buffer, '"');
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char) text[i];
        if (c == '"' || c == '\\') {
            buffer_append_char(buffer, '\\');
            buffer_append_char(buffer, (char) c);
        } else if (c < 0x20 || c == 0x7f) {
            buffer_append_format(buffer, "\\u%04x", c);
        } else {
            buffer_append_char(buffer, (char) c);
        }
    }
    buffer_append_char(buffer, '"');
}
