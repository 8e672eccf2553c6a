#include "loader.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "key_text.h"
#include "report.h"

void *loader_alloc(struct loader *loader, size_t count, size_t size)
{
    size_t bytes;
    void *memory = NULL;
    if (!__builtin_mul_overflow(count, size, &bytes))
        memory = arena_alloc(loader->arena, bytes);
    if (!memory)
        loader->no_memory = true;
    return memory;
}

const char *loader_copy(struct loader *loader, const char *text)
{
    const char *copy = arena_copy(loader->arena, text, strlen(text));
    if (!copy)
        loader->no_memory = true;
    return copy;
}

/* Takes `path_and_words`. */
static void add(struct loader *loader, const struct setting *at, bool warning,
                struct buffer *path_and_words)
{
    struct scan_place place = scan_place(loader->scan, at->line);
    if (path_and_words->failed)
        loader->no_memory = true;
    else
        report_add(loader->report, warning, at->line, place.file, place.line,
                   path_and_words->bytes);
    buffer_done(path_and_words);
}

__attribute__((format(printf, 4, 0))) static void add_v(struct loader *loader,
                                                        const struct setting *at, bool warning,
                                                        const char *format, va_list args)
{
    struct buffer text = { 0 };
    char *words;
    setting_path(at, &text);
    if (text.len)
        buffer_append_text(&text, ": ");
    if (vasprintf(&words, format, args) < 0) {
        text.failed = 1;
    } else {
        buffer_append_text(&text, words);
        free(words);
    }
    add(loader, at, warning, &text);
}

void loader_error(struct loader *loader, const struct setting *at, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    add_v(loader, at, false, format, args);
    va_end(args);
}

void loader_warn(struct loader *loader, const struct setting *at, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    add_v(loader, at, true, format, args);
    va_end(args);
}

/* Whether a value is of the type that its key wants, so that the message need not name the type. */
static bool type_fits(const struct key *key, const struct setting *found)
{
    switch (key->type) {
    case KEY_INTEGER:
        return found->type == SETTING_INTEGER;
    case KEY_REAL:
        return found->type == SETTING_REAL || found->type == SETTING_INTEGER;
    case KEY_BOOLEAN:
        return found->type == SETTING_BOOLEAN;
    case KEY_DURATIONS:
    case KEY_HOSTS:
    case KEY_OPTIONS:
    case KEY_GROUP:
    case KEY_LIST:
        return false; /* there is no value to show, only a type */
    default:
        return found->type == SETTING_STRING;
    }
}

static void append_found(const struct key *key, const struct setting *found, struct buffer *text)
{
    if (key->type == KEY_SECRET)
        buffer_append_text(text, setting_type_text(found));
    else if (!type_fits(key, found))
        setting_describe(found, text);
    else if (found->type == SETTING_STRING)
        setting_show(found->text, text);
    else if (found->type == SETTING_INTEGER)
        buffer_append_i64(text, found->integer);
    else
        buffer_append_format(text, "%g", found->real);
}

void loader_expected(struct loader *loader, const struct key *key, const struct setting *found,
                     const char *hint)
{
    struct buffer text = { 0 };
    setting_path(found, &text);
    buffer_append_text(&text, ": expected ");
    key_expected(key, &text);
    buffer_append_text(&text, ", found ");
    append_found(key, found, &text);
    if (hint)
        buffer_append_format(&text, "; %s", hint);
    add(loader, found, false, &text);
}

void loader_missing(struct loader *loader, const struct key *key, const struct setting *group)
{
    struct buffer text = { 0 };
    setting_path(group, &text);
    buffer_append_format(&text, "%s%s: expected ", text.len ? "." : "", key->name);
    key_expected(key, &text);
    buffer_append_text(&text, ", found nothing");
    add(loader, group, false, &text);
}

void loader_append_place(const struct loader *loader, const struct setting *at, struct buffer *text)
{
    struct scan_place place = scan_place(loader->scan, at->line);
    buffer_append_format(text, "%s:%u", place.file, place.line);
}
