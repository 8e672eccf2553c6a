#include "config.h"

#include <errno.h>
#include <libconfig.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "build.h"
#include "report.h"

struct loaded {
    struct config config; /* what the caller has */
    struct arena arena;   /* what it points to */
};

/* -------- from libconfig's tree to ours */

static int convert(struct arena *arena, const config_setting_t *from, struct setting *to);

static int convert_children(struct arena *arena, const config_setting_t *from, struct setting *to)
{
    int count = config_setting_length(from);
    to->children = arena_alloc(arena, (size_t) count * sizeof *to->children);
    if (!to->children)
        return -ENOMEM;
    to->count = (size_t) count;
    for (int i = 0; i < count; i++) {
        to->children[i].parent = to;
        to->children[i].index = (size_t) i;
        int r = convert(arena, config_setting_get_elem(from, (unsigned) i), &to->children[i]);
        if (r < 0)
            return r;
    }
    return 0;
}

static const char *copy(struct arena *arena, const char *text)
{
    return arena_copy(arena, text, strlen(text));
}

static int convert(struct arena *arena, const config_setting_t *from, struct setting *to)
{
    const char *name = config_setting_name(from);
    to->line = config_setting_source_line(from);
    if (name) {
        to->name = copy(arena, name);
        if (!to->name)
            return -ENOMEM;
    }
    switch (config_setting_type(from)) {
    case CONFIG_TYPE_GROUP:
        to->type = SETTING_GROUP;
        return convert_children(arena, from, to);
    case CONFIG_TYPE_LIST:
    case CONFIG_TYPE_ARRAY:
        to->type = SETTING_LIST;
        return convert_children(arena, from, to);
    case CONFIG_TYPE_FLOAT:
        to->type = SETTING_REAL;
        to->real = config_setting_get_float(from);
        return 0;
    case CONFIG_TYPE_BOOL:
        to->type = SETTING_BOOLEAN;
        to->boolean = config_setting_get_bool(from);
        return 0;
    case CONFIG_TYPE_STRING:
        to->type = SETTING_STRING;
        to->text = copy(arena, config_setting_get_string(from));
        return to->text ? 0 : -ENOMEM;
    default: /* CONFIG_TYPE_INT64, which scanner.c makes of every integer */
        to->type = SETTING_INTEGER;
        to->integer = config_setting_get_int64(from);
        return 0;
    }
}

/* Overwrites the strings that libconfig holds, among which passwords may be. What its scanner
 * copied is out of reach.
 */
static void wipe(const config_setting_t *setting)
{
    if (config_setting_type(setting) == CONFIG_TYPE_STRING) {
        char *text = (char *) config_setting_get_string(setting);
        if (text)
            explicit_bzero(text, strlen(text));
    } else if (config_setting_is_aggregate(setting)) {
        for (int i = 0; i < config_setting_length(setting); i++)
            wipe(config_setting_get_elem(setting, (unsigned) i));
    }
}

static void report_syntax(const config_t *parsed, const struct scan *scan,
                          struct config_report *report)
{
    unsigned line = config_error_line(parsed) > 0 ? (unsigned) config_error_line(parsed) : 0;
    struct scan_place place = scan_place(scan, line);
    struct buffer text = { 0 };

    const char *words = config_error_text(parsed);
    if (strcmp(words, "syntax error") == 0)
        words = "syntax error, here or just before: expected name = value; with commas between "
                "the elements of a list and none behind the last";
    else if (strstr(words, "mismatched element type"))
        words = "the elements of [ ] must be of one type; those of ( ) need not";
    buffer_append_text(&text, words);
    scan_append_hint(scan, line, &text);
    report_add(report, false, line, place.file, place.line,
               text.failed ? "syntax error" : text.bytes);
    buffer_done(&text);
}

static int parse(const struct scan *scan, struct arena *arena, struct setting *root,
                 struct config_report *report)
{
    int r;
    config_t parsed;
    config_init(&parsed);
    if (config_read_string(&parsed, scan->text ? scan->text : "")) {
        r = convert(arena, config_root_setting(&parsed), root);
    } else {
        report_syntax(&parsed, scan, report);
        r = -EINVAL;
    }
    wipe(config_root_setting(&parsed));
    config_destroy(&parsed);
    return r;
}

/* -------- the whole */

/* Absolute, since the daemon may change its directory and the paths that are made from it are kept.
 */
static const char *directory_of(struct arena *arena, const char *file)
{
    const char *slash = strrchr(file, '/');
    size_t len = slash ? (size_t) (slash - file) : 0;
    struct buffer text = { 0 };
    char *here = *file == '/' ? NULL : getcwd(NULL, 0);
    if (here)
        buffer_append_text(&text, here);
    if (here && len)
        buffer_append_char(&text, '/');
    buffer_append(&text, file, len);
    const char *directory = text.failed ? NULL : arena_copy(arena, text.bytes, text.len);
    free(here);
    buffer_done(&text);
    return directory;
}

static int load(const char *file, struct loaded *loaded, struct arena *tree, struct scan *scan,
                struct config_report *report)
{
    size_t errors_before = report->error_count;
    int r = scan_read(scan, file, report);
    if (r < 0)
        return r;
    struct setting *root = arena_alloc(tree, sizeof *root);
    loaded->config.file = copy(&loaded->arena, file);
    struct loader loader = {
        .report = report,
        .scan = scan,
        .arena = &loaded->arena,
        .directory = directory_of(&loaded->arena, file),
    };
    if (!root || !loaded->config.file || !loader.directory)
        return -ENOMEM;
    r = parse(scan, tree, root, report);
    if (r < 0)
        return r;
    build_config(&loader, root, &loaded->config);
    if (loader.no_memory)
        return -ENOMEM;
    return report->error_count > errors_before ? -EINVAL : 0;
}

int config_load(const char *file, struct config **ret_config, struct config_report *report)
{
    size_t first = report->count;
    struct scan scan = { 0 };
    struct arena tree = { 0 };
    struct loaded *loaded = calloc(1, sizeof *loaded);
    int r = loaded ? load(file, loaded, &tree, &scan, report) : -ENOMEM;

    if (r == -ENOMEM)
        config_report_add(report, false, file, 0, "not enough memory to read it");
    report_sort(report, first);
    arena_wipe(&tree);
    arena_done(&tree);
    scan_done(&scan);
    if (r < 0) {
        config_free(loaded ? &loaded->config : NULL);
        return r;
    }
    *ret_config = &loaded->config;
    return 0;
}

/* All of it and not the passwords alone, for a handler's options may hold secrets too. */
void config_free(struct config *config)
{
    struct loaded *loaded = (struct loaded *) config;
    if (!loaded)
        return;
    arena_wipe(&loaded->arena);
    arena_done(&loaded->arena);
    free(loaded);
}

const struct config_queue *config_find_queue(const struct config *config, const char *name)
{
    for (size_t i = 0; i < config->queue_count; i++)
        if (strcmp(config->queues[i].name, name) == 0)
            return &config->queues[i];
    return NULL;
}

const struct retry_policy *config_find_retry(const struct config *config, const char *name)
{
    for (size_t i = 0; i < config->retry_count; i++)
        if (strcmp(config->retries[i].name, name) == 0)
            return &config->retries[i];
    return NULL;
}
