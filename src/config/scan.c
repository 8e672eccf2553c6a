#include "scan.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "scanner.h"
#include "small_file.h"

enum { ORIGINS_MAX = 1000 };

struct scan_origin {
    unsigned line; /* of the text: from here on … */
    struct scan_place place;
};

struct scan_place scan_place(const struct scan *scan, unsigned line)
{
    size_t i = scan->origin_count - 1;
    while (i > 0 && scan->origins[i].line > line)
        i--;
    struct scan_place place = scan->origins[i].place;
    place.line = line ? place.line + (line - scan->origins[i].line) : 0;
    return place;
}

void scan_append_hint(const struct scan *scan, unsigned line, struct buffer *text)
{
    if (scan->split_begin && scan->split_end == line)
        buffer_append_format(
            text,
            " (the string that begins in line %u goes over several lines: is a quote missing?)",
            scan_place(scan, scan->split_begin).line);
}

static void add_origin(struct scanner *s, struct scan_place place)
{
    if (s->scan->origin_count == ORIGINS_MAX) {
        scanner_fail(s, s->line, "too many files");
        return;
    }
    s->scan->origins[s->scan->origin_count++] = (struct scan_origin){ .line = s->line,
                                                                      .place = place };
}

/* Whether `@include "` stands here, at the beginning of a line; *ret_quote is then at the quote. */
static bool is_include(const struct input *in, const char **ret_quote)
{
    static const char word[] = "@include";
    const size_t len = sizeof word - 1;
    if (!in->line_begins || (size_t) (in->end - in->at) <= len || memcmp(in->at, word, len) != 0)
        return false;
    const char *c = in->at + len;
    while (*c == ' ' || *c == '\t')
        c++;
    *ret_quote = c;
    return *c == '"';
}

/* The path in quotes, relative to the file it stands in. */
static const char *include_path(struct scanner *s, const char *file, const char *path, size_t len)
{
    struct buffer whole = { 0 };
    const char *slash = strrchr(file, '/');
    if (*path != '/' && slash)
        buffer_append(&whole, file, (size_t) (slash + 1 - file));
    buffer_append(&whole, path, len);
    const char *copy = whole.failed ? NULL : arena_copy(&s->scan->arena, whole.bytes, whole.len);
    buffer_done(&whole);
    return copy;
}

static void scan_file(struct scanner *s, const char *path, bool included);

static void include(struct scanner *s, struct input *in, const char *quote)
{
    const char *path = quote + 1;
    const char *close = memchr(path, '"', (size_t) (in->end - path));
    if (!close || memchr(path, '\n', (size_t) (close - path))) {
        scanner_fail(s, s->line, "expected @include \"path of a file\"");
        return;
    }
    in->at = close + 1;
    path = include_path(s, in->file, path, (size_t) (close - path));
    if (!path) {
        s->failed = -ENOMEM;
        return;
    }
    /* The file takes the place of the line up to here; what is behind it goes on as the line it
     * was. */
    struct scan_place back = scan_place(s->scan, s->line);
    scan_file(s, path, true);
    scanner_put(s, "\n", 1);
    add_origin(s, back);
}

static void scan_file(struct scanner *s, const char *path, bool included)
{
    struct small_file file = { 0 };

    for (size_t i = 0; i < s->file_count; i++)
        if (strcmp(s->files[i], path) == 0) {
            scanner_error(s, s->line, "%s cannot be included: it would include itself", path);
            return;
        }
    if (s->file_count == SCAN_INCLUDES_MAX) {
        scanner_fail(s, s->line, "too many files that include files");
        return;
    }
    int r = small_file_read(path, SCAN_TEXT_MAX, &file);
    if (r < 0) {
        if (included)
            scanner_error(s, s->line, "%s cannot be included: %s", path, strerror(-r));
        else
            scanner_error(s, 0, "cannot be read: %s", strerror(-r));
        if (!included || r == -ENOMEM)
            s->failed = r;
        return;
    }
    add_origin(s, (struct scan_place){ .file = path,
                                       .line = 1,
                                       .group_can_read = file.group_can_read,
                                       .others_can_read = file.others_can_read });
    s->files[s->file_count++] = path;
    struct input in = {
        .at = file.bytes, .end = file.bytes + file.len, .file = path, .line_begins = true
    };
    while (in.at < in.end && !s->failed) {
        const char *quote;
        if (is_include(&in, &quote))
            include(s, &in, quote);
        else
            scanner_step(s, &in);
    }
    s->file_count--;
    small_file_done(&file);
}

static int scan_all(struct scanner *s, const char *path)
{
    size_t errors_before = s->report->error_count;
    scan_file(s, path, false);
    if (!s->failed && s->depth > 0) {
        const struct scope *open = &s->scopes[s->depth--]; /* the path is that of the bracket */
        scanner_error(s, open->line, "what is opened here is not closed: expected '%c'",
                      open->closer);
    }
    if (s->failed)
        return s->failed;
    return s->report->error_count > errors_before ? -EINVAL : 0;
}

int scan_read(struct scan *scan, const char *file, struct config_report *report)
{
    scan->origins = calloc(ORIGINS_MAX, sizeof *scan->origins);
    struct scanner *s = calloc(1, sizeof *s);
    const char *path = arena_copy(&scan->arena, file, strlen(file));
    int r = -ENOMEM;

    if (scan->origins && s && path) {
        scan->origins[scan->origin_count++] = (struct scan_origin){ .place = { .file = path } };
        s->scan = scan;
        s->report = report;
        s->line = 1;
        r = scan_all(s, path);
    }
    free(s);
    return r;
}

void scan_done(struct scan *scan)
{
    if (scan->text)
        explicit_bzero(scan->text, scan->len);
    free(scan->text);
    free(scan->origins);
    arena_done(&scan->arena);
    *scan = (struct scan){ 0 };
}
