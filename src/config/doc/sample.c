#include "sample.h"

#include <ctype.h>
#include <string.h>

#include "key_text.h"

enum { WIDTH = 100, INDENT = 4 };

/* Where the lines of the sample go: what is commented out has a # between its indentation and the
 * rest. */
struct page {
    struct buffer *out;
    int depth;
    int commented_depth; /* lines have a # at this depth; -1: none */
};

static void begin_line(struct page *page)
{
    int before = page->commented_depth < 0 ? page->depth : page->commented_depth;
    buffer_append_format(page->out, "%*s", before * INDENT, "");
    if (page->commented_depth >= 0)
        buffer_append_format(page->out, "#%*s", (page->depth - before) * INDENT, "");
}

static void line(struct page *page, const char *text)
{
    begin_line(page);
    buffer_append_format(page->out, "%s\n", text);
}

/* How many columns a text takes: its characters, not its bytes. */
static int columns(const char *text, size_t len)
{
    int count = 0;
    for (size_t i = 0; i < len; i++)
        count += ((unsigned char) text[i] & 0xc0) != 0x80;
    return count;
}

static void comment(struct page *page, const char *text)
{
    int room = WIDTH - page->depth * INDENT - 3, used = 0;
    begin_line(page);
    buffer_append_char(page->out, '#');
    while (*text) {
        size_t len = strcspn(text, " ");
        int word = columns(text, len);
        if (used > 0 && used + 1 + word > room) {
            buffer_append_char(page->out, '\n');
            begin_line(page);
            buffer_append_char(page->out, '#');
            used = 0;
        }
        buffer_append_char(page->out, ' ');
        buffer_append(page->out, text, len);
        used += 1 + word;
        text += len;
        text += strspn(text, " ");
    }
    buffer_append_char(page->out, '\n');
}

static void comment_key(struct page *page, const struct key *key)
{
    struct buffer text = { 0 };
    comment(page, key->description);
    key_about(key, &text);
    if (text.failed)
        page->out->failed = 1;
    else
        comment(page, text.bytes);
    buffer_done(&text);
}

static bool has_active(const struct section *section)
{
    for (size_t i = 0; i < section->key_count; i++)
        if (section->keys[i].active)
            return true;
    return false;
}

static void scalar(struct page *page, const struct key *key)
{
    bool commented = !key->active && !key->required && page->commented_depth < 0;
    struct buffer text = { 0 };
    comment_key(page, key);
    if (!key->active && !key->required && page->commented_depth >= 0)
        buffer_append_char(&text, '#'); /* in a block that is commented out as a whole */
    buffer_append_format(&text, "%s = ", key->name);
    key_value(key, key->sample ? key->sample : key->default_text, &text);
    buffer_append_char(&text, ';');
    if (commented)
        page->commented_depth = page->depth;
    line(page, text.failed ? "" : text.bytes);
    if (commented)
        page->commented_depth = -1;
    buffer_done(&text);
}

static void section(struct page *page, const struct section *section_at);

static void block(struct page *page, const struct key *key)
{
    bool list = key->type == KEY_LIST;
    bool commented = page->commented_depth < 0 && !has_active(key->section);
    comment(page, key->section->title);
    if (commented)
        page->commented_depth = page->depth;
    begin_line(page);
    buffer_append_format(page->out, "%s = %s\n", key->name, list ? "(" : "{");
    page->depth++;
    if (list) {
        line(page, "{");
        page->depth++;
    }
    section(page, key->section);
    if (list) {
        page->depth--;
        line(page, "}");
    }
    page->depth--;
    line(page, list ? ");" : "};");
    if (commented)
        page->commented_depth = -1;
}

static void section(struct page *page, const struct section *section_at)
{
    for (size_t i = 0; i < section_at->key_count; i++) {
        const struct key *key = &section_at->keys[i];
        if (page->depth == 0)
            buffer_append_char(page->out, '\n');
        if (key->section)
            block(page, key);
        else
            scalar(page, key);
    }
}

void sample_append(struct buffer *out)
{
    struct page page = { .out = out, .commented_depth = -1 };
    comment(&page,
            "dueq.conf: the configuration of dueqd(8) and dueq(1), with every key there is. What "
            "stands "
            "behind a # is the default, or an example where there is none: take the # away to "
            "change it. dueq.conf(5) has the whole story. Look a file over with: dueqd --check -c "
            "FILE");
    section(&page, &key_root);
}
