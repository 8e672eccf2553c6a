#include "kind_options.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "key_text.h"

struct flat {
    struct loader *loader;
    struct config_option *options;
    size_t count;
};

static bool is_scalar(const struct setting *setting)
{
    return setting->type != SETTING_GROUP && setting->type != SETTING_LIST;
}

static size_t count_leaves(const struct setting *group)
{
    size_t count = 0;
    for (size_t i = 0; i < group->count; i++)
        count += group->children[i].type == SETTING_GROUP ? count_leaves(&group->children[i]) : 1;
    return count;
}

/* The fewest digits that read back as the same number. */
static const char *real_text(struct loader *loader, double value)
{
    char text[32];
    for (int digits = 6; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, value);
        if (strtod(text, NULL) == value)
            break;
    }
    return loader_copy(loader, text);
}

static const char *scalar_text(struct loader *loader, const struct setting *setting)
{
    char digits[24];
    switch (setting->type) {
    case SETTING_STRING:
        return loader_copy(loader, setting->text);
    case SETTING_INTEGER:
        snprintf(digits, sizeof digits, "%" PRId64, setting->integer);
        return loader_copy(loader, digits);
    case SETTING_REAL:
        if (!isfinite(setting->real))
            loader_error(loader, setting, "expected a finite number");
        return real_text(loader, setting->real);
    default:
        return setting->boolean ? "true" : "false";
    }
}

static const char *const *list_items(struct loader *loader, const struct setting *list)
{
    const char **items = loader_alloc(loader, list->count + 1, sizeof *items);
    for (size_t i = 0; items && i < list->count; i++) {
        const struct setting *child = &list->children[i];
        if (is_scalar(child))
            items[i] = scalar_text(loader, child);
        else
            loader_error(
                loader, child,
                "expected a string, a number, true or false in a list of options, found %s",
                setting_type_text(child));
    }
    return items;
}

/* prefix: "" or "headers." */
static void flatten(struct flat *flat, const struct setting *group, const char *prefix)
{
    struct loader *loader = flat->loader;
    for (size_t i = 0; i < group->count; i++) {
        const struct setting *child = &group->children[i];
        struct buffer text = { 0 };
        buffer_append_format(&text, "%s%s%s", prefix, child->name,
                             child->type == SETTING_GROUP ? "." : "");
        const char *name = text.failed ? NULL : loader_copy(loader, text.bytes);
        buffer_done(&text);
        if (!name) {
            loader->no_memory = true;
            return;
        }
        if (child->type == SETTING_GROUP) {
            flatten(flat, child, name);
            continue;
        }
        struct scan_place place = scan_place(loader->scan, child->line);
        struct config_option *option = &flat->options[flat->count++];
        *option = (struct config_option){ .name = name,
                                          .line = place.line,
                                          .file = loader_copy(loader, place.file) };
        if (child->type == SETTING_LIST) {
            option->is_list = true;
            option->items = list_items(loader, child);
            option->item_count = child->count;
        } else {
            option->text = scalar_text(loader, child);
        }
    }
}

void kind_options_read(struct loader *loader, const struct key *key, const struct setting *group,
                       void *target)
{
    if (group->type != SETTING_GROUP) {
        loader_expected(loader, key, group, NULL);
        return;
    }
    struct flat flat = { .loader = loader };
    flat.options = loader_alloc(loader, count_leaves(group), sizeof *flat.options);
    if (!flat.options)
        return;
    flatten(&flat, group, "");
    memcpy((char *) target + key->offset, &flat.options, sizeof flat.options);
    memcpy((char *) target + key->count_offset, &flat.count, sizeof flat.count);
}

/* By its last name: an option that only says where a secret is, as secret_file does, is none. */
static bool is_secret(const char *name)
{
    static const char *const words[] = { "password",   "passwd",        "passphrase", "secret",
                                         "token",      "cookie",        "apikey",     "api_key",
                                         "credential", "authorization", "api-key",    "private" };
    const char *dot = strrchr(name, '.');
    const char *last = dot ? dot + 1 : name;
    size_t len = strlen(last);
    if (len > 5 && strcasecmp(last + len - 5, "_file") == 0)
        return false;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcasestr(last, words[i]))
            return true;
    return false;
}

/* A number or boolean needs no quotes: it comes back as the same text. */
static bool is_bare(const char *text)
{
    char digits[24];
    snprintf(digits, sizeof digits, "%lld", strtoll(text, NULL, 10));
    return strcmp(text, digits) == 0 || strcmp(text, "true") == 0 || strcmp(text, "false") == 0;
}

/* The name and password in "https://name:password@host/…": *ret_len of them, or NULL. */
static const char *url_credentials(const char *text, size_t *ret_len)
{
    const char *begin = strstr(text, "://");
    if (!begin)
        return NULL;
    begin += 3;
    const char *at = memrchr(begin, '@', strcspn(begin, "/?#"));
    if (!at)
        return NULL;
    *ret_len = (size_t) (at - begin);
    return begin;
}

static void print_scalar(const char *text, struct buffer *out)
{
    size_t len;
    const char *credentials = url_credentials(text, &len);
    if (is_bare(text)) {
        buffer_append_text(out, text);
    } else if (credentials) {
        struct buffer masked = { 0 };
        buffer_append_format(&masked, "%.*s***%s", (int) (credentials - text), text,
                             credentials + len);
        key_quote(masked.failed ? "***" : masked.bytes, out);
        buffer_done(&masked);
    } else {
        key_quote(text, out);
    }
}

static void print_option(const struct config_option *option, struct buffer *out)
{
    if (option->is_list) {
        buffer_append_text(out, "(");
        for (size_t i = 0; i < option->item_count; i++) {
            buffer_append_text(out, i ? ", " : " ");
            if (is_secret(option->name))
                buffer_append_text(out, "\"***\"");
            else
                print_scalar(option->items[i], out);
        }
        buffer_append_text(out, " )");
    } else if (is_secret(option->name)) {
        buffer_append_text(out, "\"***\"");
    } else {
        print_scalar(option->text, out);
    }
}

/* Those whose names begin with the same prefix_len bytes, which stand one after the other. Returns
 * how many. */
static size_t print_group(const struct config_option *options, size_t count, size_t prefix_len,
                          int depth, struct buffer *out)
{
    size_t i = 0;
    buffer_append_text(out, "{\n");
    while (i < count && strncmp(options[i].name, options[0].name, prefix_len) == 0) {
        const char *name = options[i].name + prefix_len;
        const char *dot = strchr(name, '.');
        size_t len = dot ? (size_t) (dot - name) : strlen(name);
        buffer_append_format(out, "%*s%.*s = ", (depth + 1) * 4, "", (int) len, name);
        if (dot) {
            i += print_group(&options[i], count - i, prefix_len + len + 1, depth + 1, out);
        } else {
            print_option(&options[i], out);
            i++;
        }
        buffer_append_text(out, ";\n");
    }
    buffer_append_format(out, "%*s}", depth * 4, "");
    return i;
}

void kind_options_print(const struct config_option *options, size_t count, int depth,
                        struct buffer *out)
{
    print_group(options, count, 0, depth, out);
}
