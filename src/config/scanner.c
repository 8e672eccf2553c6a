#include "scanner.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "buffer.h"
#include "report.h"

static void append_path(const struct scanner *s, struct buffer *text)
{
    for (size_t i = 1; i <= s->depth; i++) {
        if (!s->scopes[i].opened_by)
            buffer_append_format(text, "[%u]", s->scopes[i - 1].index);
        else
            buffer_append_format(text, "%s%s", i > 1 ? "." : "", s->scopes[i].opened_by);
    }
    const struct scope *innermost = &s->scopes[s->depth];
    if (innermost->closer == ')' || innermost->closer == ']')
        buffer_append_format(text, "[%u]", innermost->index);
    else if (innermost->key)
        buffer_append_format(text, "%s%s", s->depth ? "." : "", innermost->key);
    if (text->len)
        buffer_append_text(text, ": ");
}

void scanner_error(struct scanner *s, unsigned line, const char *format, ...)
{
    struct buffer text = { 0 };
    append_path(s, &text);

    char *words;
    va_list args;
    va_start(args, format);
    int len = vasprintf(&words, format, args);
    va_end(args);
    if (len >= 0) {
        buffer_append_text(&text, words);
        free(words);
    }
    scan_append_hint(s->scan, line, &text);
    struct scan_place place = scan_place(s->scan, line);
    report_add(s->report, false, line, place.file, place.line,
               text.failed ? "out of memory" : text.bytes);
    buffer_done(&text);
    if (++s->error_count == SCAN_ERRORS_MAX)
        scanner_fail(s, line, "too many errors: the rest is not read");
}

void scanner_fail(struct scanner *s, unsigned line, const char *words)
{
    scanner_error(s, line, "%s", words);
    s->failed = -EINVAL;
}

/* Not realloc, which may leave passwords behind where the text was. */
static bool make_room(struct scan *scan, size_t len)
{
    if (scan->text && len < scan->size - scan->len)
        return true;
    size_t size = scan->size ? scan->size : 4096;
    while (size - scan->len <= len)
        size *= 2;
    char *text = malloc(size);
    if (!text)
        return false;
    if (scan->text) {
        memcpy(text, scan->text, scan->len);
        explicit_bzero(scan->text, scan->len);
        free(scan->text);
    }
    scan->text = text;
    scan->size = size;
    return true;
}

void scanner_put(struct scanner *s, const char *bytes, size_t len)
{
    if (s->failed)
        return;
    if (len > SCAN_TEXT_MAX - s->scan->len) {
        scanner_error(s, s->line, "more than %d MiB of configuration", SCAN_TEXT_MAX >> 20);
        s->failed = -EINVAL;
        return;
    }
    if (!make_room(s->scan, len)) {
        s->failed = -ENOMEM;
        return;
    }
    memcpy(s->scan->text + s->scan->len, bytes, len);
    s->scan->len += len;
    s->scan->text[s->scan->len] = '\0';
    for (size_t i = 0; i < len; i++)
        s->line += bytes[i] == '\n';
}

/* Behind the comment at c; c itself where there is none; NULL: it is not closed. */
static const char *after_comment(const char *c, const char *end)
{
    if (*c == '#' || (c[0] == '/' && c[1] == '/')) {
        const char *newline = memchr(c, '\n', (size_t) (end - c));
        return newline ? newline : end;
    }
    if (c[0] == '/' && c[1] == '*') {
        const char *close = memmem(c + 2, (size_t) (end - c - 2), "*/", 2);
        return close ? close + 2 : NULL;
    }
    return c;
}

/* Leaves a comment out, but for its newlines. */
static void comment(struct scanner *s, struct input *in, const char *after)
{
    if (!after) {
        scanner_fail(s, s->line, "the comment that begins here is not closed: expected */");
        return;
    }
    for (; in->at < after; in->at++)
        if (*in->at == '\n')
            scanner_put(s, "\n", 1);
}

static void string(struct scanner *s, struct input *in)
{
    unsigned began = s->line;
    const char *c = in->at + 1;
    for (; c < in->end && *c != '"'; c++) {
        if (*c == '\\' && (c[1] == 'x' || c[1] == 'X') && c[2] == '0' && c[3] == '0')
            scanner_error(s, began, "a string cannot hold the character \\x00");
        if (*c == '\\' && c + 1 < in->end)
            c++;
        else if (*c == '\0')
            scanner_error(s, began, "a string cannot hold a NUL byte");
    }
    if (c >= in->end) {
        scanner_fail(s, began, "the string that begins here is not closed: expected \"");
        return;
    }
    if (c - in->at > SCAN_STRING_MAX)
        scanner_error(s, began, "a string of more than %d KiB", SCAN_STRING_MAX >> 10);
    scanner_put(s, in->at, (size_t) (c + 1 - in->at));
    in->at = c + 1;
    if (s->line != began) {
        s->scan->split_begin = began;
        s->scan->split_end = s->line;
    }
}

/* Behind the digits of an integer, without its L; NULL where it is none. */
static const char *after_integer(const char *c)
{
    const char *begin = c += *c == '-' || *c == '+';
    if (c[0] == '0' && (c[1] == 'x' || c[1] == 'X')) {
        for (begin = c += 2; isxdigit((unsigned char) *c);)
            c++;
        return c > begin ? c : NULL;
    }
    while (isdigit((unsigned char) *c))
        c++;
    return c > begin && *c != '.' && *c != 'e' && *c != 'E' ? c : NULL;
}

static const char *after_real(const char *c)
{
    c += *c == '-' || *c == '+';
    while (isdigit((unsigned char) *c) || *c == '.')
        c++;
    if ((*c == 'e' || *c == 'E') && (isdigit((unsigned char) c[1]) || c[1] == '-' || c[1] == '+'))
        for (c += 2; isdigit((unsigned char) *c);)
            c++;
    return c;
}

/* An integer gets its L; what is no number in the end is the parser's to refuse. */
static void number(struct scanner *s, struct input *in)
{
    const char *after = after_integer(in->at);
    if (after) {
        errno = 0;
        strtoll(in->at, NULL, after > in->at + 1 && (in->at[1] | 0x20) == 'x' ? 16 : 10);
        if (errno == ERANGE)
            scanner_error(s, s->line, "an integer that does not fit into 64 bits");
        scanner_put(s, in->at, (size_t) (after - in->at));
        scanner_put(s, "L", 1);
        while (*after == 'L')
            after++;
    } else {
        after = after_real(in->at);
        scanner_put(s, in->at, (size_t) (after - in->at));
    }
    bool digits = isdigit((unsigned char) after[-1]) || after[-1] == 'L';
    in->at = after;
    if (digits && isalpha((unsigned char) *after)) {
        scanner_error(s, s->line, "a number with a unit is written in quotes, as in \"30s\"");
        while (isalnum((unsigned char) *in->at))
            in->at++;
    }
}

static void add_name(struct scanner *s, const char *name)
{
    struct scope *scope = &s->scopes[s->depth];
    scope->key = name;
    for (size_t i = scope->first_name; i < s->name_count; i++)
        if (strcmp(s->names[i].text, name) == 0) {
            struct scan_place first = scan_place(s->scan, s->names[i].line);
            scanner_error(s, s->line, "given twice; the first one is at %s:%u", first.file,
                          first.line);
            return;
        }
    if (s->name_count == SCAN_MEMBERS_MAX) {
        scanner_fail(s, s->line, "too many keys");
        return;
    }
    s->names[s->name_count++] = (struct scanned_name){ .text = name, .line = s->line };
}

static bool is_name(char c)
{
    return isalnum((unsigned char) c) || c == '_' || c == '-' || c == '*';
}

/* Whether a value follows, so that the word before it was a key. */
static bool is_assigned(const char *c, const char *end)
{
    while (c && c < end) {
        const char *after = isspace((unsigned char) *c) ? c + 1 : after_comment(c, end);
        if (after == c)
            return *c == '=' || *c == ':';
        c = after;
    }
    return false;
}

static void word(struct scanner *s, struct input *in)
{
    const char *begin = in->at;
    while (is_name(*in->at))
        in->at++;
    size_t len = (size_t) (in->at - begin);
    struct scope *scope = &s->scopes[s->depth];

    if (len > SCAN_NAME_MAX) {
        scanner_error(s, s->line, "a word of more than %d bytes", SCAN_NAME_MAX);
    } else if (is_assigned(in->at, in->end)) {
        char *name = arena_copy(&s->scan->arena, begin, len);
        if (!name)
            s->failed = -ENOMEM;
        else if (s->depth == 0 || scope->closer == '}')
            add_name(s, name);
    } else if (!(len == 4 && strncasecmp(begin, "true", 4) == 0) &&
               !(len == 5 && strncasecmp(begin, "false", 5) == 0)) {
        scanner_fail(s, s->line,
                     "a word that is neither a key nor true or false; text is written in quotes");
    }
    scanner_put(s, begin, len);
}

static void open_bracket(struct scanner *s, char closer)
{
    struct scope *outer = &s->scopes[s->depth];
    if (s->depth + 1 == SCAN_DEPTH_MAX) {
        scanner_fail(s, s->line, "too many brackets within brackets");
        return;
    }
    bool in_list = outer->closer == ')' || outer->closer == ']';
    s->scopes[++s->depth] = (struct scope){
        .closer = closer,
        .line = s->line,
        .opened_by = in_list      ? NULL
                     : outer->key ? outer->key
                                  : "?",
        .first_name = s->name_count,
    };
}

static void close_bracket(struct scanner *s, char closer)
{
    if (s->depth == 0) {
        s->scopes[0].key = NULL;
        scanner_error(s, s->line, "the '%c' closes nothing", closer);
        s->failed = -EINVAL;
        return;
    }
    const struct scope *closed =
        &s->scopes[s->depth--]; /* from here on the path is that of the bracket */
    s->name_count = closed->first_name;
    if (closed->closer != closer) {
        struct scan_place opened = scan_place(s->scan, closed->line);
        scanner_error(s, s->line, "expected '%c' to close what %s:%u opens, found '%c'",
                      closed->closer, opened.file, opened.line, closer);
        s->failed = -EINVAL;
    }
}

static void punctuation(struct scanner *s, char c)
{
    switch (c) {
    case '{':
        open_bracket(s, '}');
        break;
    case '(':
        open_bracket(s, ')');
        break;
    case '[':
        open_bracket(s, ']');
        break;
    case '}':
    case ')':
    case ']':
        close_bracket(s, c);
        break;
    case ',':
        s->scopes[s->depth].index++;
        s->scopes[s->depth].key = NULL;
        break;
    case ';':
        s->scopes[s->depth].key = NULL;
        break;
    case '\0':
        scanner_fail(s, s->line, "a NUL byte: this is no text file");
        break;
    default:
        break;
    }
    scanner_put(s, &c, 1);
}

void scanner_step(struct scanner *s, struct input *in)
{
    char c = *in->at;
    const char *after = after_comment(in->at, in->end);

    if (after != in->at)
        comment(s, in, after);
    else if (c == '"')
        string(s, in);
    else if (isdigit((unsigned char) c) || c == '-' || c == '+' || c == '.')
        number(s, in);
    else if (isalpha((unsigned char) c) || c == '*')
        word(s, in);
    else
        punctuation(s, *in->at++);

    if (c == '\n')
        in->line_begins = true;
    else if (c != ' ' && c != '\t')
        in->line_begins = false;
}
