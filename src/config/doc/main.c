/* config-doc: the sample file and the keys in the manual, made from the table of keys. Not
 * installed.
 *
 *   config-doc sample                  writes conf/dueq.conf to standard output
 *   config-doc keys                    writes the generated part of docs/man/dueq.conf.5
 *   config-doc refresh SOURCE          brings both up to date in a checkout
 *   config-doc check SOURCE BUILD      fails where one is not, and says what to do */

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "manual.h"
#include "sample.h"

static const char begin_mark[] = ".\\\" What follows is made by config-doc: do not edit it.\n";
static const char end_mark[] = ".\\\" What config-doc makes ends here.\n";

static bool read_file(const char *path, struct buffer *out)
{
    FILE *file = fopen(path, "re");
    size_t n;
    if (!file) {
        fprintf(stderr, "config-doc: %s: %s\n", path, strerror(errno));
        return false;
    }
    do {
        char *room = buffer_reserve(out, 65536);
        n = room ? fread(room, 1, 65536, file) : 0;
        out->len += n;
    } while (n > 0);
    if (out->bytes)
        out->bytes[out->len] = '\0';
    fclose(file);
    return !out->failed;
}

static bool write_file(const char *path, const struct buffer *text)
{
    FILE *file = fopen(path, "we");
    bool good = file && fwrite(text->bytes, 1, text->len, file) == text->len;
    if (file && fclose(file) != 0)
        good = false;
    if (!good)
        fprintf(stderr, "config-doc: %s: %s\n", path, strerror(errno));
    return good;
}

/* A manual page with the part between the marks made anew. */
static bool renewed_manual(const struct buffer *old, struct buffer *out)
{
    const char *begin = strstr(old->bytes, begin_mark), *end = strstr(old->bytes, end_mark);
    if (!begin || !end || end < begin) {
        fprintf(stderr,
                "config-doc: the manual page lacks the lines that say which part is made here\n");
        return false;
    }
    begin += sizeof begin_mark - 1;
    buffer_append(out, old->bytes, (size_t) (begin - old->bytes));
    manual_append(out);
    buffer_append_text(out, end);
    return true;
}

/* Compares a file with what it should be, and writes that where `refresh`. */
static bool settle(const char *path, const struct buffer *is, const struct buffer *should,
                   bool refresh)
{
    if (should->failed)
        return false;
    if (is->len == should->len && (is->len == 0 || memcmp(is->bytes, should->bytes, is->len) == 0))
        return true;
    if (refresh)
        return write_file(path, should);
    fprintf(stderr, "%s is not what the table of keys gives\n", path);
    return false;
}

static bool both(const char *source, bool refresh)
{
    struct buffer sample_path = { 0 }, manual_path = { 0 }, is = { 0 }, should = { 0 };
    buffer_append_format(&sample_path, "%s/conf/dueq.conf", source);
    buffer_append_format(&manual_path, "%s/docs/man/dueq.conf.5", source);
    bool good = !sample_path.failed && !manual_path.failed;

    sample_append(&should);
    if (good && (refresh || read_file(sample_path.bytes, &is)))
        good = settle(sample_path.bytes, &is, &should, refresh);
    else
        good = false;
    buffer_clear(&is);
    buffer_clear(&should);
    if (!manual_path.failed && read_file(manual_path.bytes, &is) && renewed_manual(&is, &should))
        good &= settle(manual_path.bytes, &is, &should, refresh);
    else
        good = false;
    buffer_done(&sample_path);
    buffer_done(&manual_path);
    buffer_done(&is);
    buffer_done(&should);
    return good;
}

static int show(void (*append)(struct buffer *))
{
    struct buffer out = { 0 };
    append(&out);
    bool good = !out.failed && fwrite(out.bytes, 1, out.len, stdout) == out.len;
    buffer_done(&out);
    return good ? EX_OK : EX_IOERR;
}

int main(int argc, char **argv)
{
    const char *command = argc > 1 ? argv[1] : "";
    if (strcmp(command, "sample") == 0 && argc == 2)
        return show(sample_append);
    if (strcmp(command, "keys") == 0 && argc == 2)
        return show(manual_append);
    if (strcmp(command, "refresh") == 0 && argc == 3)
        return both(argv[2], true) ? EX_OK : EXIT_FAILURE;
    if (strcmp(command, "check") == 0 && argc == 4) {
        if (both(argv[2], false))
            return EX_OK;
        fprintf(stderr, "run: cmake --build %s --target config-doc-refresh\n", argv[3]);
        return EXIT_FAILURE;
    }
    fprintf(stderr, "usage: config-doc sample | keys | refresh SOURCE | check SOURCE BUILD\n");
    return EX_USAGE;
}
