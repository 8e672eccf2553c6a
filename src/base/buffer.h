#pragma once

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

/* A growing string of bytes, always followed by a NUL that `len` does not count. Zero-initialise
 * it; it keeps its memory over buffer_clear, so one buffer serves a loop without allocating.
 *
 * Running out of memory sets `failed` and makes every later append do nothing, so that a text can
 * be built without a check a line and judged once at its end. */
struct buffer {
    char *bytes; /* NULL until the first append */
    size_t len;
    size_t size;
    int failed;
};

void buffer_done(struct buffer *buffer);
void buffer_clear(struct buffer *buffer);

void buffer_append(struct buffer *buffer, const void *bytes, size_t len);
void buffer_append_text(struct buffer *buffer, const char *text);
void buffer_append_char(struct buffer *buffer, char c);
void buffer_append_u64(struct buffer *buffer, uint64_t value);
void buffer_append_i64(struct buffer *buffer, int64_t value);
void buffer_append_format(struct buffer *buffer, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* A JSON string with its quotes. The text must be valid UTF-8. */
void buffer_append_json(struct buffer *buffer, const char *text, size_t len);

/* Room for `len` more bytes at the end, to be filled by the caller and added to buffer->len; NULL:
 * no memory. The NUL stands behind them already; who fills fewer puts it there again. */
char *buffer_reserve(struct buffer *buffer, size_t len);
