#include "output.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <wchar.h>

#include "utf8.h"

/* The code point of a well-formed character. */
static uint32_t code_point(const char *text, size_t len)
{
    const unsigned char *t = (const unsigned char *) text;
    uint32_t point = len == 1   ? t[0]
                     : len == 2 ? t[0] & 0x1fu
                     : len == 3 ? t[0] & 0x0fu
                                : t[0] & 0x07u;
    for (size_t i = 1; i < len; i++)
        point = point << 6 | (t[i] & 0x3fu);
    return point;
}

static bool is_harmless(uint32_t point)
{
    static const struct {
        uint32_t first, last;
    } harmful[] = {
        { 0x00, 0x1f },       { 0x7f, 0x9f },     /* controls: C1 are escape sequences, too */
        { 0xad, 0xad },                           /* soft hyphen */
        { 0x61c, 0x61c },     { 0x200b, 0x200f }, /* invisible, or turning the direction */
        { 0x2028, 0x202e },   { 0x2060, 0x206f }, /* line separators, direction */
        { 0xfeff, 0xfeff },   { 0xfff9, 0xfffb }, /* byte order mark, annotations */
        { 0xe0000, 0xe0fff },                     /* tags */
    };
    for (size_t i = 0; i < sizeof harmful / sizeof *harmful; i++)
        if (point >= harmful[i].first && point <= harmful[i].last)
            return false;
    return true;
}

static void append_point(struct buffer *out, uint32_t point)
{
    if (point == '\n')
        buffer_append_text(out, "\\n");
    else if (point == '\r')
        buffer_append_text(out, "\\r");
    else if (point == '\t')
        buffer_append_text(out, "\\t");
    else if (point < 0x80)
        buffer_append_format(out, "\\x%02x", point);
    else
        buffer_append_format(out, point > 0xffff ? "\\U%08x" : "\\u%04x", point);
}

void output_escape(struct buffer *out, const char *text, size_t len)
{
    for (size_t i = 0; i < len;) {
        size_t taken = utf8_character(text + i, len - i);
        if (taken == 0) {
            buffer_append_format(out, "\\x%02x", (unsigned char) text[i++]);
            continue;
        }
        uint32_t point = code_point(text + i, taken);
        if (is_harmless(point))
            buffer_append(out, text + i, taken);
        else
            append_point(out, point);
        i += taken;
    }
}

void output_escape_lines(struct buffer *out, const char *indent, const char *text, size_t len)
{
    const char *end = text + len;
    do {
        const char *newline = memchr(text, '\n', (size_t) (end - text));
        const char *line_end = newline ? newline : end;
        buffer_append_text(out, indent);
        output_escape(out, text, (size_t) (line_end - text));
        buffer_append_char(out, '\n');
        text = newline ? newline + 1 : end;
    } while (text < end);
}

/* Of the character that text begins with; *ret_taken: its bytes. */
static size_t character_width(const char *text, size_t len, size_t *ret_taken)
{
    size_t taken = utf8_character(text, len);
    *ret_taken = taken ? taken : 1;
    if (taken <= 1)
        return 1;
    int width = wcwidth((wchar_t) code_point(text, taken));
    return width < 0 ? 1 : (size_t) width;
}

size_t output_width(const char *escaped)
{
    size_t len = strlen(escaped), width = 0, taken;
    for (size_t i = 0; i < len; i += taken)
        width += character_width(escaped + i, len - i, &taken);
    return width;
}

void output_cut(struct buffer *escaped, size_t width)
{
    static const char ellipsis[] = "…";
    size_t used = 0, taken;

    if (escaped->failed || escaped->len <= width || output_width(escaped->bytes) <= width)
        return;
    for (size_t i = 0; i < escaped->len; i += taken) {
        used += character_width(escaped->bytes + i, escaped->len - i, &taken);
        if (used <= width - 1)
            continue;
        escaped->len = i;
        escaped->bytes[i] = '\0';
        buffer_append_text(escaped, ellipsis);
        return;
    }
}

void output_write(const struct buffer *text)
{
    if (text->len)
        fwrite(text->bytes, 1, text->len, stdout);
}

void output_error(const char *format, ...)
{
    struct buffer line = { 0 };
    char *text = NULL;
    va_list args;

    va_start(args, format);
    int len = vasprintf(&text, format, args);
    va_end(args);
    buffer_append_text(&line, "dueq: ");
    if (len >= 0)
        output_escape(&line, text, (size_t) len);
    buffer_append_char(&line, '\n');
    fflush(stdout);
    if (!line.failed)
        fwrite(line.bytes, 1, line.len, stderr);
    if (len >= 0)
        free(text);
    buffer_done(&line);
}

static bool is_coloured(void)
{
    const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");
    return isatty(STDOUT_FILENO) && !(no_color && *no_color) && term && strcmp(term, "dumb") != 0;
}

const char *output_red(void)
{
    return is_coloured() ? "\033[31m" : "";
}

const char *output_yellow(void)
{
    return is_coloured() ? "\033[33m" : "";
}

const char *output_bold(void)
{
    return is_coloured() ? "\033[1m" : "";
}

const char *output_plain(void)
{
    return is_coloured() ? "\033[0m" : "";
}
