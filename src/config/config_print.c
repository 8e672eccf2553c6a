#include "config_print.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "duration.h"
#include "host_list.h"
#include "key_text.h"
#include "kind_options.h"

enum { INDENT = 4 };

static void indent(struct buffer *out, int depth)
{
    buffer_append_format(out, "%*s", depth * INDENT, "");
}

static const char *text_at(const void *struct_at, size_t offset)
{
    const char *text;
    memcpy(&text, (const char *) struct_at + offset, sizeof text);
    return text;
}

static void append_duration(int64_t us, struct buffer *out)
{
    char text[DURATION_TEXT_SIZE];
    buffer_append_format(out, "\"%s\"", duration_format(us, text));
}

static void append_durations(const struct key *key, const void *from, struct buffer *out)
{
    const int64_t *delays_us;
    uint32_t count;
    memcpy(&delays_us, (const char *) from + key->offset, sizeof delays_us);
    memcpy(&count, (const char *) from + key->count_offset, sizeof count);
    buffer_append_text(out, "[ ");
    for (uint32_t i = 0; i < count; i++) {
        buffer_append_text(out, i ? ", " : "");
        append_duration(delays_us[i], out);
    }
    buffer_append_text(out, " ]");
}

static void append_hosts(const struct key *key, const void *from, struct buffer *out)
{
    const struct config_host *hosts;
    size_t count;
    memcpy(&hosts, (const char *) from + key->offset, sizeof hosts);
    memcpy(&count, (const char *) from + key->count_offset, sizeof count);
    host_list_print(hosts, count, out);
}

static void append_choice(const struct key *key, const void *from, struct buffer *out)
{
    int value;
    memcpy(&value, (const char *) from + key->offset, sizeof value);
    for (const struct key_choice *choice = key->choices; choice->text; choice++)
        if (choice->value == value)
            key_quote(choice->text, out);
}

/* With a point, so that it is a real whatever it is. */
static void append_real(double value, struct buffer *out)
{
    char text[32];
    for (int digits = 6; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, value);
        if (strtod(text, NULL) == value)
            break;
    }
    buffer_append_text(out, text);
    if (!strpbrk(text, ".e"))
        buffer_append_text(out, ".0");
}

/* Whether the key has a value: one that was absent and has no default is left out. */
static bool is_set(const struct key *key, const void *from)
{
    const char *field = (const char *) from + key->offset;
    const void *pointer;
    int64_t us;
    switch (key->type) {
    case KEY_INTEGER:
    case KEY_REAL:
    case KEY_BOOLEAN:
    case KEY_CHOICE:
    case KEY_GROUP:
    case KEY_LIST:
        return true;
    case KEY_DURATION:
        memcpy(&us, field, sizeof us);
        return us != 0 || key->default_text;
    case KEY_SECRET:
        return *text_at(from, key->offset) != '\0';
    default:
        memcpy(&pointer, field, sizeof pointer);
        return pointer;
    }
}

static void append_scalar(const struct key *key, const void *from, struct buffer *out)
{
    const char *field = (const char *) from + key->offset;
    const struct retry_policy *policy;
    int64_t us;
    uint32_t integer;
    double real;
    switch (key->type) {
    case KEY_SECRET:
        buffer_append_text(out, "\"***\"");
        break;
    case KEY_INTEGER:
        memcpy(&integer, field, sizeof integer);
        buffer_append_u64(out, integer);
        break;
    case KEY_REAL:
        memcpy(&real, field, sizeof real);
        append_real(real, out);
        break;
    case KEY_BOOLEAN:
        buffer_append_text(out, *field ? "true" : "false");
        break;
    case KEY_DURATION:
        memcpy(&us, field, sizeof us);
        append_duration(us, out);
        break;
    case KEY_DURATIONS:
        append_durations(key, from, out);
        break;
    case KEY_HOSTS:
        append_hosts(key, from, out);
        break;
    case KEY_CHOICE:
        append_choice(key, from, out);
        break;
    case KEY_RETRY:
        memcpy(&policy, field, sizeof policy);
        key_quote(policy->name, out);
        break;
    default:
        key_quote(text_at(from, key->offset), out);
    }
}

static void append_options(const struct key *key, const void *from, int depth, struct buffer *out)
{
    const struct config_option *options;
    size_t count;
    memcpy(&options, (const char *) from + key->offset, sizeof options);
    memcpy(&count, (const char *) from + key->count_offset, sizeof count);
    kind_options_print(options, count, depth, out);
}

static void append_section(const struct section *section, const void *from, int depth,
                           struct buffer *out);

static void append_list(const struct key *key, const void *from, int depth, struct buffer *out)
{
    const char *items = text_at(from, key->offset);
    size_t count;
    memcpy(&count, (const char *) from + key->count_offset, sizeof count);
    buffer_append_text(out, "(");
    for (size_t i = 0; i < count; i++) {
        buffer_append_text(out, i ? ",\n" : "\n");
        indent(out, depth + 1);
        buffer_append_text(out, "{\n");
        append_section(key->section, items + i * key->section->size, depth + 2, out);
        indent(out, depth + 1);
        buffer_append_text(out, "}");
    }
    if (count)
        buffer_append_text(out, "\n");
    indent(out, count ? depth : 0);
    buffer_append_text(out, ")");
}

static bool is_idle(const struct section *section, const struct key *key, const void *from)
{
    const struct key *choice = key->only_with ? key_find(section, key->only_with) : NULL;
    int value = 0;
    if (choice)
        memcpy(&value, (const char *) from + choice->offset, sizeof value);
    return choice && value == choice->choices[0].value;
}

static void append_section(const struct section *section, const void *from, int depth,
                           struct buffer *out)
{
    for (size_t i = 0; i < section->key_count; i++) {
        const struct key *key = &section->keys[i];
        const struct key *other = key->not_with ? key_find(section, key->not_with) : NULL;
        if (!is_set(key, from) || (other && is_set(other, from)) || is_idle(section, key, from))
            continue;
        indent(out, depth);
        buffer_append_format(out, "%s = ", key->name);
        if (key->type == KEY_LIST) {
            append_list(key, from, depth, out);
        } else if (key->type == KEY_GROUP) {
            buffer_append_text(out, "{\n");
            append_section(key->section, from, depth + 1, out);
            indent(out, depth);
            buffer_append_text(out, "}");
        } else if (key->type == KEY_OPTIONS) {
            append_options(key, from, depth, out);
        } else {
            append_scalar(key, from, out);
        }
        buffer_append_text(out, ";\n");
    }
}

void config_print(const struct config *config, FILE *file)
{
    struct buffer out = { 0 };
    append_section(&key_root, config, 0, &out);
    if (out.failed)
        fputs("/* not enough memory to write it */\n", file);
    else
        fputs(out.bytes, file);
    buffer_done(&out);
}
