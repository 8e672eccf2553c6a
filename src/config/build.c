#include "build.h"

#include <string.h>

#include "check.h"
#include "key_text.h"
#include "section.h"
#include "small_file.h"

enum { PASSWORD_FILE_MAX = 4096 };

/* The policy's own values where the file has only a schedule. */
static void complete_schedule(struct retry_policy *policy, const struct setting *group)
{
    for (uint32_t i = 0; i < policy->schedule_len; i++)
        if (policy->max_us < policy->schedule_us[i])
            policy->max_us = policy->schedule_us[i];
    if (!setting_member(group, "attempts"))
        policy->max_attempts = policy->schedule_len + 1;
}

static void put_policy(struct retry_policy *policies, size_t *count,
                       const struct retry_policy *policy)
{
    for (size_t i = 0; i < retry_policy_builtin_count(); i++)
        if (policy->name && strcmp(policies[i].name, policy->name) == 0) {
            policies[i] = *policy;
            return;
        }
    policies[(*count)++] = *policy;
}

static void build_retries(struct loader *loader, const struct setting *list, struct config *config)
{
    size_t configured_count, count = retry_policy_builtin_count();
    struct retry_policy *configured = section_read_list(loader, key_find(&key_root, "retry"), list,
                                                        &configured_count);
    struct retry_policy *all = loader_alloc(loader, count + configured_count, sizeof *all);
    if (!all)
        return;
    memcpy(all, retry_policy_builtin, count * sizeof *all);
    for (size_t i = 0; i < configured_count; i++) {
        if (configured[i].schedule_us)
            complete_schedule(&configured[i], &list->children[i]);
        put_policy(all, &count, &configured[i]);
    }
    check_retries(loader, list, configured, configured_count);
    config->retries = loader->retries = all;
    config->retry_count = loader->retry_count = count;
}

static void warn_of_readers(struct loader *loader, const struct setting *at, const char *file)
{
    loader_warn(loader, at, "others than its owner can read %s; run: chmod 600 %s", file, file);
}

static void read_password_file(struct loader *loader, const struct setting *at,
                               struct config_source *source)
{
    struct small_file file;
    int r = small_file_read(source->password_file, PASSWORD_FILE_MAX, &file);
    if (r < 0) {
        loader_error(loader, at, "%s cannot be read: %s", source->password_file, strerror(-r));
        return;
    }
    size_t len = file.len;
    if (len > 0 && file.bytes[len - 1] == '\n')
        len--;
    if (len > 0 && len < file.len && file.bytes[len - 1] == '\r')
        len--;
    if (len == 0)
        loader_error(loader, at, "%s holds no password", source->password_file);
    else if (memchr(file.bytes, '\0', len))
        loader_error(loader, at, "%s holds a NUL byte, which no password has",
                     source->password_file);
    if (file.others_can_read)
        warn_of_readers(loader, at, source->password_file);
    source->password = arena_copy(loader->arena, file.bytes, len);
    if (!source->password)
        loader->no_memory = true;
    small_file_done(&file);
}

static void build_password(struct loader *loader, const struct setting *group,
                           struct config_source *source)
{
    const struct setting *password = setting_member(group, "password");
    if (source->password_file) {
        read_password_file(loader, setting_member(group, "password_file"), source);
    } else if (password && source->password && *source->password) {
        struct scan_place place = scan_place(loader->scan, password->line);
        if (place.group_can_read || place.others_can_read)
            warn_of_readers(loader, password, place.file);
    }
    if (!source->password)
        source->password = "";
}

/* A file without a source cannot do anything, and is what somebody has who begins: show how to go
 * on. */
static void report_no_source(struct loader *loader, const struct key *key, const struct setting *at)
{
    struct buffer example = { 0 };
    for (size_t i = 0; i < key->section->key_count; i++) {
        const struct key *member = &key->section->keys[i];
        if (!member->active)
            continue;
        buffer_append_format(&example, "%s = ", member->name);
        key_value(member, member->sample, &example);
        buffer_append_text(&example, "; ");
    }
    loader_error(loader, at,
                 "%sexpected at least one database, found none; for example: sources = ( { %s} );",
                 at->parent ? "" : "sources: ", example.failed ? "" : example.bytes);
    buffer_done(&example);
}

static void build_sources(struct loader *loader, const struct setting *root, struct config *config)
{
    const struct key *key = key_find(&key_root, "sources");
    const struct setting *list = setting_member(root, key->name);
    struct config_source *sources = section_read_list(loader, key, list, &config->source_count);
    if (!list || (list->type == SETTING_LIST && list->count == 0))
        report_no_source(loader, key, list ? list : root);
    for (size_t i = 0; list && i < config->source_count; i++)
        if (list->children[i].type == SETTING_GROUP)
            build_password(loader, &list->children[i], &sources[i]);
    check_sources(loader, list, sources, config->source_count);
    config->sources = sources;
}

static void build_queues(struct loader *loader, const struct setting *list, struct config *config)
{
    /* What stands where nothing does: a queue with the name that dueq_job.queue has by default. */
    static struct setting name = { .type = SETTING_STRING, .name = "name", .text = "default" };
    static struct setting group = { .type = SETTING_GROUP, .children = &name, .count = 1 };
    static const struct setting absent = { .type = SETTING_LIST, .children = &group, .count = 1 };

    if (list && list->type == SETTING_LIST && list->count == 0)
        loader_error(
            loader, list,
            "expected at least one queue, found none; without `queues` there is one named default");
    if (!list)
        list = &absent;
    struct config_queue *queues = section_read_list(loader, key_find(&key_root, "queues"), list,
                                                    &config->queue_count);
    check_queues(loader, list, queues, config->queue_count);
    config->queues = queues;
}

static void build_kinds(struct loader *loader, const struct setting *list, struct config *config)
{
    struct config_kind *kinds = section_read_list(loader, key_find(&key_root, "kinds"), list,
                                                  &config->kind_count);
    for (size_t i = 0; i < config->kind_count; i++) {
        struct scan_place place = scan_place(loader->scan, list->children[i].line);
        kinds[i].line = place.line;
        kinds[i].file = loader_copy(loader, place.file);
    }
    check_kinds(loader, list, kinds, config->kind_count);
    config->kinds = kinds;
}

void build_config(struct loader *loader, const struct setting *root, struct config *config)
{
    section_read(loader, &key_root, root, config);
    build_retries(loader, setting_member(root, "retry"), config); /* before those that name one */
    build_sources(loader, root, config);
    build_queues(loader, setting_member(root, "queues"), config);
    build_kinds(loader, setting_member(root, "kinds"), config);
}
