#include "registry.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "buffer.h"
#include "host.h"
#include "isolation.h"
#include "loader.h"
#include "log.h"
#include "options.h"
#include "suggest.h"

struct instance {
    struct binding binding; /* what the worker layer sees */
    struct dueq_host host;
    struct dueq_options *options;
    struct isolation *isolation; /* NULL: it runs in this process */
};

/* What a kind is looked up by: "order.paid", and for the prefix "order.*" the "order." before the
 * asterisk. */
struct route {
    const char *text;
    size_t len;
    const struct binding *binding;
};

struct routes {
    struct route *items; /* sorted; of two equal ones the first bound comes first */
    size_t count;
};

struct registry {
    struct plugin_list plugins;
    struct instance
        *instances; /* in the order they were opened; never moved, since hosts are pointed to */
    size_t count;
    struct routes exact, prefixes, own_names;
};

static int compare_text(const char *a, size_t a_len, const char *b, size_t b_len)
{
    int order = memcmp(a, b, a_len < b_len ? a_len : b_len);
    return order ? order : (a_len > b_len) - (a_len < b_len);
}

static int compare_routes(const void *left, const void *right)
{
    const struct route *a = left, *b = right;
    int order = compare_text(a->text, a->len, b->text, b->len);
    if (order)
        return order;
    return (a->binding->index > b->binding->index) - (a->binding->index < b->binding->index);
}

static const struct binding *routes_find(const struct routes *routes, const char *text, size_t len)
{
    size_t low = 0, high = routes->count;
    while (low < high) { /* to the first that is not before the text */
        size_t middle = low + (high - low) / 2;
        const struct route *route = &routes->items[middle];
        if (compare_text(route->text, route->len, text, len) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    const struct route *route = &routes->items[low];
    return low < routes->count && compare_text(route->text, route->len, text, len) == 0
               ? route->binding
               : NULL;
}

static void routes_add(struct routes *routes, size_t len, const struct binding *binding)
{
    routes->items[routes->count++] = (struct route){ binding->pattern, len, binding };
}

static void routes_sort(struct routes *routes)
{
    qsort(routes->items, routes->count, sizeof *routes->items, compare_routes);
}

/* Length of what stands before the asterisk of "order.*" or "*"; -1: the pattern is an exact name.
 */
static ptrdiff_t prefix_len(const char *pattern)
{
    size_t len = strlen(pattern);
    if (len == 1 && pattern[0] == '*')
        return 0;
    return len >= 2 && strcmp(pattern + len - 2, ".*") == 0 ? (ptrdiff_t) len - 1 : -1;
}

static void add_route(struct registry *registry, const struct binding *binding)
{
    assert(binding->pattern);
    ptrdiff_t len = prefix_len(binding->pattern);
    if (!binding->config)
        routes_add(&registry->own_names, strlen(binding->pattern), binding);
    else if (len >= 0)
        routes_add(&registry->prefixes, (size_t) len, binding);
    else
        routes_add(&registry->exact, strlen(binding->pattern), binding);
}

/* Opens the instance in the place that `registry->count` says, and counts it where that went well.
 * `kind` is NULL for the one by the plugin's own name. 0, or -ENOMEM; a refusal is in the report.
 */
static int open_instance(struct registry *registry, const struct plugin *plugin,
                         const struct options_place *place, const struct config_kind *kind,
                         const struct handler_callbacks *callbacks, struct config_report *report)
{
    struct instance *instance = &registry->instances[registry->count];
    const struct dueq_handler *handler = &plugin->handler;
    instance->binding = (struct binding){
        .handler = handler,
        .pattern = kind ? kind->kind : handler->name,
        .config = kind,
        .index = registry->count,
    };
    host_init(&instance->host, handler->name, instance->binding.pattern, callbacks);
    instance->options = options_new(place, kind ? kind->options : NULL,
                                    kind ? kind->option_count : 0);
    if (!instance->options)
        return -ENOMEM;

    void *made = NULL;
    bool opened = !handler->open || handler->open(&instance->host, instance->options, &made) == 0;
    if (options_end_open(instance->options, opened)) {
        instance->binding.instance = made;
        registry->count++;
        return 0;
    }

    if (!kind && options_lack_one(instance->options))
        /* `http` wants a url, and nobody has asked for `http`: nothing is wrong. */
        log_debug("handler is not bound to its own name, it needs options: handler=%s",
                  handler->name);
    else
        options_report(instance->options, report);
    if (opened && handler->close)
        handler->close(made);
    options_free(instance->options);
    instance->options = NULL;
    return 0;
}

/* The same for one that runs in processes of its own. */
static int isolate_instance(struct registry *registry, const struct plugin *plugin,
                            const struct options_place *place, const struct config_kind *kind,
                            const struct handler_callbacks *callbacks, struct config_report *report)
{
    struct instance *instance = &registry->instances[registry->count];
    int r = isolation_new(plugin, place, kind, callbacks, &instance->isolation, report);
    if (r < 0)
        return r == -EINVAL ? 0 : r;
    instance->binding = (struct binding){
        .handler = isolation_handler(instance->isolation),
        .instance = instance->isolation,
        .isolated = true,
        .pattern = kind->kind,
        .config = kind,
        .index = registry->count++,
    };
    return 0;
}

static void report_missing(const struct registry *registry, const struct config *config,
                           size_t index, struct config_report *report)
{
    const struct config_kind *kind = &config->kinds[index];
    const char *names[registry->plugins.count + 1];
    struct buffer list = { 0 };
    for (size_t i = 0; i < registry->plugins.count; i++) {
        names[i] = registry->plugins.plugins[i].handler.name;
        buffer_append_format(&list, "%s%s", i ? ", " : "", names[i]);
    }
    const char *near = suggest_name(kind->handler, names, registry->plugins.count);
    config_report_add(report, false, kind->file ? kind->file : config->file, kind->line,
                      "kinds[%zu].handler: no plugin in %s is named '%s'%s%s%s (loaded: %s)", index,
                      config->handler_directory, kind->handler, near ? "; did you mean '" : "",
                      near ? near : "", near ? "'?" : "", list.len ? list.bytes : "none");
    buffer_done(&list);
}

static int open_line(struct registry *registry, const struct config *config, size_t index,
                     const struct handler_callbacks *callbacks, struct config_report *report)
{
    const struct config_kind *kind = &config->kinds[index];
    const struct plugin *plugin = plugins_find(&registry->plugins, kind->handler);
    if (!plugin) {
        report_missing(registry, config, index, report);
        return 0;
    }
    struct options_place place = { .file = kind->file ? kind->file : config->file,
                                   .line = kind->line,
                                   .handler = plugin->handler.name };
    snprintf(place.path, sizeof place.path, "kinds[%zu]", index);
    return kind->isolation == CONFIG_ISOLATION_PROCESS
               ? isolate_instance(registry, plugin, &place, kind, callbacks, report)
               : open_instance(registry, plugin, &place, kind, callbacks, report);
}

/* Then a line says what runs that kind, and an instance for it by the handler's own name is idle.
 */
static bool has_line(const struct config *config, const char *name)
{
    for (size_t i = 0; i < config->kind_count; i++)
        if (strcmp(config->kinds[i].kind, name) == 0)
            return true;
    return false;
}

static int open_all(struct registry *registry, const struct config *config,
                    const struct handler_callbacks *callbacks, struct config_report *report)
{
    for (size_t i = 0; i < config->kind_count; i++) {
        int r = open_line(registry, config, i, callbacks, report);
        if (r < 0)
            return r;
    }
    for (size_t i = 0; i < registry->plugins.count; i++) {
        const struct plugin *plugin = &registry->plugins.plugins[i];
        if (has_line(config, plugin->handler.name))
            continue;
        const struct options_place place = { .file = plugin->file,
                                             .handler = plugin->handler.name };
        int r = open_instance(registry, plugin, &place, NULL, callbacks, report);
        if (r < 0)
            return r;
    }
    return 0;
}

int registry_new(const struct config *config, const struct handler_callbacks *callbacks,
                 struct registry **ret_registry, struct config_report *report)
{
    struct registry *registry = calloc(1, sizeof *registry);
    if (!registry)
        return -ENOMEM;
    int r = plugins_load(config->handler_directory, config->file, &registry->plugins, report);
    if (r < 0)
        goto fail;

    size_t most = config->kind_count + registry->plugins.count;
    registry->instances = calloc(most + 1, sizeof *registry->instances);
    registry->exact.items = calloc(most + 1, sizeof *registry->exact.items);
    registry->prefixes.items = calloc(most + 1, sizeof *registry->prefixes.items);
    registry->own_names.items = calloc(most + 1, sizeof *registry->own_names.items);
    r = -ENOMEM;
    if (!registry->instances || !registry->exact.items || !registry->prefixes.items ||
        !registry->own_names.items)
        goto fail;

    r = open_all(registry, config, callbacks, report);
    if (r < 0)
        goto fail;
    for (size_t i = 0; i < registry->count; i++)
        add_route(registry, &registry->instances[i].binding);
    routes_sort(&registry->exact);
    routes_sort(&registry->prefixes);
    routes_sort(&registry->own_names);
    *ret_registry = registry;
    return 0;

fail:
    registry_free(registry);
    return r;
}

void registry_free(struct registry *registry)
{
    if (!registry)
        return;
    while (registry->instances && registry->count > 0) {
        struct instance *instance = &registry->instances[--registry->count];
        assert(instance->binding.handler); /* only what is open is counted */
        if (!instance->isolation && instance->binding.handler->close)
            instance->binding.handler->close(instance->binding.instance);
        isolation_free(instance->isolation);
        options_free(instance->options);
    }
    free(registry->own_names.items);
    free(registry->prefixes.items);
    free(registry->exact.items);
    free(registry->instances);
    plugins_free(&registry->plugins);
    free(registry);
}

const struct binding *registry_find(const struct registry *registry, const char *kind)
{
    size_t len = strlen(kind);
    const struct binding *binding = routes_find(&registry->exact, kind, len);
    for (size_t end = len; !binding && registry->prefixes.count > 0; end--) {
        if (end == 0 || kind[end - 1] == '.')
            binding = routes_find(&registry->prefixes, kind, end);
        if (end == 0)
            break;
    }
    return binding ? binding : routes_find(&registry->own_names, kind, len);
}

size_t registry_left_out(const struct registry *registry)
{
    return registry->plugins.left_out;
}

size_t registry_count(const struct registry *registry)
{
    return registry->count;
}

const struct binding *registry_at(const struct registry *registry, size_t index)
{
    return &registry->instances[index].binding;
}
