#include "check.h"

#include <string.h>

#include "duration.h"

static const struct setting *member_of(const struct setting *list, size_t index, const char *name)
{
    const struct setting *group = &list->children[index];
    return group->type == SETTING_GROUP ? setting_member(group, name) : NULL;
}

/* Where to point at for what a group says, or leaves to the default. */
static const struct setting *member_or_group(const struct setting *list, size_t index,
                                             const char *name)
{
    const struct setting *member = member_of(list, index, name);
    return member ? member : &list->children[index];
}

static void report_twice(struct loader *loader, const struct setting *first,
                         const struct setting *second)
{
    struct buffer text = { 0 };
    setting_show(second->text, &text);
    buffer_append_text(&text, " is taken by ");
    setting_path(first, &text);
    buffer_append_text(&text, " (");
    loader_append_place(loader, first, &text);
    buffer_append_text(&text, ")");
    if (text.failed)
        loader->no_memory = true;
    else
        loader_error(loader, second, "%s", text.bytes);
    buffer_done(&text);
}

static void check_unique(struct loader *loader, const struct setting *list, size_t count,
                         const char *key)
{
    for (size_t i = 1; i < count; i++) {
        const struct setting *second = member_of(list, i, key);
        if (!second || second->type != SETTING_STRING)
            continue;
        for (size_t k = 0; k < i; k++) {
            const struct setting *first = member_of(list, k, key);
            if (!first || first->type != SETTING_STRING || strcmp(first->text, second->text) != 0)
                continue;
            report_twice(loader, first, second);
            break;
        }
    }
}

static void check_tls(struct loader *loader, const struct setting *tls,
                      const struct config_source *source)
{
    static const char *const files[] = { "ca", "cert", "key" };
    const struct setting *mode = setting_member(tls, "mode");
    const struct setting *cert = setting_member(tls, "cert"), *key = setting_member(tls, "key");

    if (cert && !key)
        loader_error(loader, cert, "expected a key beside it, found none");
    if (key && !cert)
        loader_error(loader, key, "expected a cert beside it, found none");
    if (source->tls.mode != CONFIG_TLS_OFF ||
        (mode && (mode->type != SETTING_STRING || strcmp(mode->text, "off") != 0)))
        return; /* in use, or a mode that is wrong: then nobody knows */
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        const struct setting *file = setting_member(tls, files[i]);
        if (file)
            loader_warn(loader, file, "has no effect, since the mode is \"off\"");
    }
}

void check_sources(struct loader *loader, const struct setting *list,
                   const struct config_source *sources, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct setting *group = &list->children[i];
        if (group->type != SETTING_GROUP)
            continue;
        const struct setting *hosts = setting_member(group, "hosts");
        if (!setting_member(group, "socket") && !setting_member(group, "host") && !hosts)
            loader_error(loader, group, "expected a socket, a host or hosts, found none");
        if (setting_member(group, "host") && hosts)
            loader_error(loader, hosts, "expected either host or hosts, found both");
        const struct setting *tls = setting_member(group, "tls");
        if (tls && tls->type == SETTING_GROUP)
            check_tls(loader, tls, &sources[i]);
    }
    check_unique(loader, list, count, "name");
}

void check_queues(struct loader *loader, const struct setting *list,
                  const struct config_queue *queues, size_t count)
{
    char poll[DURATION_TEXT_SIZE], lease[DURATION_TEXT_SIZE];
    for (size_t i = 0; i < count; i++) {
        const struct config_queue *queue = &queues[i];
        if (queue->lease_us > 0 && queue->poll_us > queue->lease_us)
            loader_warn(loader, member_or_group(list, i, "poll"),
                        "a poll of %s is longer than the lease of %s: a job whose daemon died "
                        "waits for both",
                        duration_format(queue->poll_us, poll),
                        duration_format(queue->lease_us, lease));
        if (queue->pending > 0 && queue->pending < queue->threads)
            loader_warn(loader, member_or_group(list, i, "pending"),
                        "with %u jobs in flight at most, %u threads are never all busy",
                        queue->pending, queue->threads);
    }
    check_unique(loader, list, count, "name");
}

void check_retries(struct loader *loader, const struct setting *list,
                   const struct retry_policy *policies, size_t count)
{
    char max[DURATION_TEXT_SIZE], first[DURATION_TEXT_SIZE];
    for (size_t i = 0; i < count; i++) {
        const struct retry_policy *policy = &policies[i];
        if (!policy->schedule_us && policy->factor > 0 && policy->max_us < policy->first_us)
            loader_error(loader, member_or_group(list, i, "max"),
                         "expected a duration not shorter than first (%s), found \"%s\"",
                         duration_format(policy->first_us, first),
                         duration_format(policy->max_us, max));
    }
    check_unique(loader, list, count, "name");
}

void check_kinds(struct loader *loader, const struct setting *list, const struct config_kind *kinds,
                 size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct setting *group = &list->children[i];
        const struct setting *process = group->type == SETTING_GROUP
                                            ? setting_member(group, "process")
                                            : NULL;
        if (process && process->count > 0 && kinds[i].isolation == CONFIG_ISOLATION_NONE)
            loader_warn(loader, process, "has no effect, since isolation is not \"process\"");
    }
    check_unique(loader, list, count, "kind");
}
