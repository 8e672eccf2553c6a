#include "value.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "duration.h"
#include "host_list.h"
#include "kind_options.h"
#include "suggest.h"

enum { NAME_LEN_MAX = 64 }; /* the columns queue, kind and retry of dueq_job */

#define SMALL "abcdefghijklmnopqrstuvwxyz"
#define LARGE "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS "0123456789"

static void *field(const struct key *key, void *target)
{
    return (char *) target + key->offset;
}

static void put_text(struct loader *loader, const struct key *key, const char *text, void *target)
{
    const char *copy = loader_copy(loader, text);
    memcpy(field(key, target), &copy, sizeof copy);
}

static bool consists_of(const char *text, const char *characters)
{
    size_t len = strlen(text);
    return len > 0 && len <= NAME_LEN_MAX && strspn(text, characters) == len;
}

static bool is_name(const char *text)
{
    return consists_of(text, SMALL LARGE DIGITS "_.:-");
}

/* "order.paid", "order.*", "*" */
static bool is_kind(const char *text)
{
    size_t len = strlen(text);
    if (strcmp(text, "*") == 0 || is_name(text))
        return true;
    if (len < 3 || len > NAME_LEN_MAX || strcmp(text + len - 2, ".*") != 0)
        return false;
    return strspn(text, SMALL LARGE DIGITS "_.:-") == len - 1;
}

static bool text_fits(const struct key *key, const char *text)
{
    size_t len = strlen(text);
    switch (key->type) {
    case KEY_NAME:
        return is_name(text);
    case KEY_HANDLER:
        return consists_of(text, SMALL DIGITS "_.-");
    case KEY_KIND:
        return is_kind(text);
    case KEY_PATH:
        return *text == '/' && len <= (size_t) key->maximum;
    case KEY_FILE:
    case KEY_DIRECTORY:
        return len > 0 && len <= (size_t) key->maximum;
    default:
        return len >= (size_t) key->minimum && len <= (size_t) key->maximum;
    }
}

static const char *joined(struct loader *loader, const char *directory, const char *path)
{
    struct buffer text = { 0 };
    buffer_append_format(&text, "%s/%s", directory, path);
    const char *copy = text.failed ? NULL : arena_copy(loader->arena, text.bytes, text.len);
    if (!copy)
        loader->no_memory = true;
    buffer_done(&text);
    return copy;
}

/* Where systemd puts what LoadCredential= names. */
static const char *credentials_directory(void)
{
    const char *directory = getenv("CREDENTIALS_DIRECTORY");
    return directory && *directory ? directory : NULL;
}

static int try_to_read(const char *path)
{
    struct stat status;
    int r = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0)
        return -errno;
    if (fstat(fd, &status) == 0 && S_ISDIR(status.st_mode))
        r = -EISDIR;
    close(fd);
    return r;
}

static void read_file(struct loader *loader, const struct key *key, const struct setting *setting,
                      void *target)
{
    const char *credentials = credentials_directory();
    const char *path = setting->text;
    if (*path != '/')
        path = joined(loader, credentials ? credentials : loader->directory, path);
    int r = path ? try_to_read(path) : 0;
    if (r < 0)
        loader_error(loader, setting, "%s cannot be read: %s", path, strerror(-r));
    else if (path)
        put_text(loader, key, path, target);
}

static void read_text(struct loader *loader, const struct key *key, const struct setting *setting,
                      void *target)
{
    if (setting->type != SETTING_STRING || !text_fits(key, setting->text)) {
        loader_expected(loader, key, setting, NULL);
    } else if (key->type == KEY_FILE) {
        read_file(loader, key, setting, target);
    } else if (key->type == KEY_DIRECTORY && *setting->text != '/') {
        const char *path = joined(loader, loader->directory, setting->text);
        memcpy(field(key, target), &path, sizeof path);
    } else {
        put_text(loader, key, setting->text, target);
    }
}

static void read_integer(struct loader *loader, const struct key *key,
                         const struct setting *setting, void *target)
{
    if (setting->type != SETTING_INTEGER || setting->integer < key->minimum ||
        setting->integer > key->maximum) {
        loader_expected(loader, key, setting, NULL);
        return;
    }
    uint32_t value = (uint32_t) setting->integer;
    memcpy(field(key, target), &value, sizeof value);
}

static void read_real(struct loader *loader, const struct key *key, const struct setting *setting,
                      void *target)
{
    double value = setting->type == SETTING_REAL ? setting->real : (double) setting->integer;
    if ((setting->type != SETTING_REAL && setting->type != SETTING_INTEGER) ||
        !(value >= key->real_minimum && value <= key->real_maximum)) { /* so is no NaN */
        loader_expected(loader, key, setting, NULL);
        return;
    }
    memcpy(field(key, target), &value, sizeof value);
}

static void read_boolean(struct loader *loader, const struct key *key,
                         const struct setting *setting, void *target)
{
    if (setting->type != SETTING_BOOLEAN) {
        loader_expected(loader, key, setting, NULL);
        return;
    }
    memcpy(field(key, target), &setting->boolean, sizeof setting->boolean);
}

/* False, with the reason reported, where it is no duration within the key's bounds. */
static bool duration(struct loader *loader, const struct key *key, const struct setting *setting,
                     int64_t *ret_us)
{
    char hint[64] = "";
    int64_t us;
    if (setting->type == SETTING_INTEGER && setting->integer >= 0) {
        snprintf(hint, sizeof hint, "write \"%" PRId64 "s\"", setting->integer);
    } else if (setting->type == SETTING_STRING) {
        if (duration_parse(setting->text, &us) == 0 && us >= key->minimum && us <= key->maximum) {
            *ret_us = us;
            return true;
        }
        size_t len = strlen(setting->text);
        if (len > 0 && len < 20 && strspn(setting->text, DIGITS) == len)
            snprintf(hint, sizeof hint, "write \"%ss\"", setting->text);
    }
    loader_expected(loader, key, setting, *hint ? hint : NULL);
    return false;
}

static void read_duration(struct loader *loader, const struct key *key,
                          const struct setting *setting, void *target)
{
    int64_t us;
    if (duration(loader, key, setting, &us))
        memcpy(field(key, target), &us, sizeof us);
}

static void read_durations(struct loader *loader, const struct key *key,
                           const struct setting *setting, void *target)
{
    if (setting->type != SETTING_LIST || setting->count == 0) {
        loader_expected(loader, key, setting, NULL);
        return;
    }
    struct key each = *key;
    each.type = KEY_DURATION;
    uint32_t count = (uint32_t) setting->count; /* far below 2^32: a file has 4 MiB at most */
    int64_t *delays_us = loader_alloc(loader, count, sizeof *delays_us);
    for (uint32_t i = 0; delays_us && i < count; i++)
        if (!duration(loader, &each, &setting->children[i], &delays_us[i]))
            delays_us[i] =
                0; /* reported: the configuration is refused, the list need only be whole */
    memcpy(field(key, target), &delays_us, sizeof delays_us);
    memcpy((char *) target + key->count_offset, &count, sizeof count);
}

static void read_choice(struct loader *loader, const struct key *key, const struct setting *setting,
                        void *target)
{
    static_assert(sizeof(enum config_tls) == sizeof(int) && sizeof(enum log_level) == sizeof(int),
                  "a KEY_CHOICE is stored as an int");
    if (setting->type == SETTING_STRING)
        for (const struct key_choice *choice = key->choices; choice->text; choice++)
            if (strcmp(choice->text, setting->text) == 0) {
                memcpy(field(key, target), &choice->value, sizeof choice->value);
                return;
            }
    loader_expected(loader, key, setting, NULL);
}

static void report_unknown_retry(struct loader *loader, const struct key *key,
                                 const struct setting *setting)
{
    const char **names = loader_alloc(loader, loader->retry_count, sizeof *names);
    struct buffer hint = { 0 };
    if (!names)
        return;
    size_t count = 0;
    for (size_t i = 0; i < loader->retry_count; i++)
        if (loader->retries[i].name)
            names[count++] = loader->retries[i].name;
    const char *near = suggest_name(setting->text, names, count);
    if (near)
        buffer_append_format(&hint, "did you mean \"%s\"? ", near);
    buffer_append_text(&hint, "there are ");
    for (size_t i = 0; i < count; i++)
        buffer_append_format(&hint, "%s%s", i ? ", " : "", names[i]);
    loader_expected(loader, key, setting, hint.failed ? NULL : hint.bytes);
    buffer_done(&hint);
}

static void read_retry(struct loader *loader, const struct key *key, const struct setting *setting,
                       void *target)
{
    if (setting->type != SETTING_STRING) {
        loader_expected(loader, key, setting, NULL);
        return;
    }
    for (size_t i = 0; i < loader->retry_count; i++) {
        const struct retry_policy *policy = &loader->retries[i];
        if (policy->name && strcmp(policy->name, setting->text) == 0) {
            memcpy(field(key, target), &policy, sizeof policy);
            return;
        }
    }
    report_unknown_retry(loader, key, setting);
}

void value_read(struct loader *loader, const struct key *key, const struct setting *setting,
                void *target)
{
    switch (key->type) {
    case KEY_STRING:
    case KEY_SECRET:
    case KEY_NAME:
    case KEY_HANDLER:
    case KEY_KIND:
    case KEY_PATH:
    case KEY_FILE:
    case KEY_DIRECTORY:
        read_text(loader, key, setting, target);
        break;
    case KEY_INTEGER:
        read_integer(loader, key, setting, target);
        break;
    case KEY_REAL:
        read_real(loader, key, setting, target);
        break;
    case KEY_BOOLEAN:
        read_boolean(loader, key, setting, target);
        break;
    case KEY_DURATION:
        read_duration(loader, key, setting, target);
        break;
    case KEY_DURATIONS:
        read_durations(loader, key, setting, target);
        break;
    case KEY_HOSTS:
        host_list_read(loader, key, setting, target);
        break;
    case KEY_CHOICE:
        read_choice(loader, key, setting, target);
        break;
    case KEY_RETRY:
        read_retry(loader, key, setting, target);
        break;
    case KEY_OPTIONS:
        kind_options_read(loader, key, setting, target);
        break;
    case KEY_GROUP:
    case KEY_LIST:
        assert(false && "section_read does these");
        break;
    }
}

void value_default(struct loader *loader, const struct key *key, void *target)
{
    struct setting setting = { .name = key->name };
    if (!key->default_text)
        return;
    switch (key->type) {
    case KEY_INTEGER:
        setting.type = SETTING_INTEGER;
        setting.integer = strtoll(key->default_text, NULL, 10);
        break;
    case KEY_REAL:
        setting.type = SETTING_REAL;
        setting.real = strtod(key->default_text, NULL);
        break;
    case KEY_BOOLEAN:
        setting.type = SETTING_BOOLEAN;
        setting.boolean = strcmp(key->default_text, "true") == 0;
        break;
    default:
        setting.type = SETTING_STRING;
        setting.text = key->default_text;
    }
    value_read(loader, key, &setting, target);
}
