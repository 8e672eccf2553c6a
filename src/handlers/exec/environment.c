#include "environment.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dueq_handler.h"
#include "text.h"

/* What a login shell of Debian has; for a daemon that was started with no PATH. */
#define DEFAULT_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

struct list {
    char **entries; /* owned, with room for `size` and a NULL */
    size_t count;
    size_t size;
    bool failed;
};

static void list_init(struct list *list, size_t size)
{
    *list = (struct list){ .size = size, .entries = calloc(size + 1, sizeof *list->entries) };
    list->failed = !list->entries;
}

static char **list_end(struct list *list)
{
    if (!list->failed)
        return list->entries;
    environment_free(list->entries);
    return NULL;
}

/* The `len` bytes at `value`, up to a NUL among them. */
static void list_add(struct list *list, const char *name, const char *value, size_t len)
{
    if (list->failed)
        return;
    size_t name_len = strlen(name);
    len = strnlen(value, len);
    char *entry = list->count < list->size ? malloc(name_len + len + 2) : NULL;
    if (!entry) {
        list->failed = true;
        return;
    }
    memcpy(entry, name, name_len);
    entry[name_len] = '=';
    memcpy(entry + name_len + 1, value, len);
    entry[name_len + 1 + len] = '\0';
    list->entries[list->count++] = entry;
}

static void list_add_text(struct list *list, const char *name, const char *value)
{
    list_add(list, name, value, strlen(value));
}

static void list_add_number(struct list *list, const char *name, uint64_t value)
{
    char text[24];
    snprintf(text, sizeof text, "%" PRIu64, value);
    list_add_text(list, name, text);
}

/* Replaces the entry of that name or adds one. */
static void list_put(struct list *list, const char *entry)
{
    if (list->failed)
        return;
    size_t name_len = strcspn(entry, "=") + 1;
    char *copy = strdup(entry);
    if (!copy) {
        list->failed = true;
        return;
    }
    for (size_t i = 0; i < list->count; i++)
        if (strncmp(list->entries[i], entry, name_len) == 0) {
            free(list->entries[i]);
            list->entries[i] = copy;
            return;
        }
    list->entries[list->count++] = copy; /* the caller counted them */
}

char **environment_base(const char *const *entries, size_t count)
{
    static const char *const kept[] = { "PATH", "LANG", "HOME", "TZ" };
    struct list list;

    list_init(&list, count + sizeof kept / sizeof kept[0]);
    for (size_t i = 0; i < sizeof kept / sizeof kept[0]; i++) {
        const char *value = getenv(kept[i]);
        if (!value && strcmp(kept[i], "PATH") == 0)
            value = DEFAULT_PATH;
        if (value)
            list_add_text(&list, kept[i], value);
    }
    for (size_t i = 0; i < count; i++)
        list_put(&list, entries[i]);
    return list_end(&list);
}

char **environment_for_job(char *const *base, const struct dueq_job *job)
{
    enum { JOB_VARIABLES = 11 };
    char text[TEXT_TIME_SIZE];
    size_t base_count = 0;
    struct list list;

    while (base[base_count])
        base_count++;
    list_init(&list, base_count + JOB_VARIABLES);
    for (size_t i = 0; i < base_count; i++)
        list_put(&list, base[i]);
    list_add_number(&list, "DUEQ_ID", job->id);
    list_add_text(&list, "DUEQ_MESSAGE_ID", job->message_id);
    list_add_text(&list, "DUEQ_SOURCE", job->source);
    list_add_text(&list, "DUEQ_QUEUE", job->queue);
    list_add_text(&list, "DUEQ_KIND", job->kind);
    list_add_number(&list, "DUEQ_ATTEMPT", job->attempt);
    list_add_number(&list, "DUEQ_MAX_ATTEMPTS", job->max_attempts);
    list_add_text(&list, "DUEQ_CREATED_AT", text_time(job->created_at_us, text));
    list_add_text(&list, "DUEQ_DUE_AT", text_time(job->due_at_us, text));
    list_add_text(&list, "DUEQ_TIMEOUT", text_seconds(job->timeout_us, text));
    if (job->headers)
        list_add(&list, "DUEQ_HEADERS", job->headers, job->headers_len);
    return list_end(&list);
}

void environment_free(char **environment)
{
    if (!environment)
        return;
    for (size_t i = 0; environment[i]; i++)
        free(environment[i]);
    free(environment);
}

const char *environment_find(char *const *environment, const char *name)
{
    size_t len = strlen(name);
    for (size_t i = 0; environment[i]; i++)
        if (strncmp(environment[i], name, len) == 0 && environment[i][len] == '=')
            return environment[i] + len + 1;
    return NULL;
}

const char *environment_entry_problem(const char *entry)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_";
    static const char digits[] = "0123456789";
    const char *end = strchr(entry, '=');

    if (!end || end == entry)
        return "is not NAME=value";
    for (const char *c = entry; c < end; c++)
        if (!strchr(letters, *c) && (c == entry || !strchr(digits, *c)))
            return "has a name that is not made of letters, digits and underscores";
    if (strncmp(entry, "DUEQ_", 5) == 0)
        return "begins with DUEQ_, which is kept for what the job says";
    return NULL;
}
