#include "heartbeat.h"

#include <string.h>

#include "source.h"

static void append_queues(struct source *source, struct buffer *json)
{
    for (size_t i = 0; i < source->all->queue_count; i++) {
        struct pool_gauges gauges;
        const char *name = source->all->queues[i].name;
        pool_read_gauges(source->pools[i], &gauges);
        mutex_lock(&source->lock);
        bool paused = source->agenda.entries[i].paused;
        mutex_unlock(&source->lock);
        buffer_append_text(json, i ? "," : "");
        buffer_append_json(json, name, strlen(name));
        buffer_append_format(json,
                             ":{\"threads\":%u,\"waiting\":%u,\"running\":%u,\"pending\":%u,"
                             "\"paused\":%d}",
                             gauges.threads, gauges.waiting, gauges.running, gauges.pending,
                             paused);
    }
}

static void append_counters(struct source *source, struct buffer *json)
{
    const struct {
        const char *name;
        uint64_t value;
    } counters[] = {
        { "claimed", source->counters.claimed },   { "held", source->counters.held },
        { "done", source->counters.done },         { "retried", source->counters.retried },
        { "snoozed", source->counters.snoozed },   { "dead", source->counters.dead },
        { "fenced", source->counters.fenced },     { "put_off", source->counters.put_off },
        { "released", source->counters.released },
    };
    for (size_t i = 0; i < sizeof counters / sizeof *counters; i++)
        buffer_append_format(json, "%s\"%s\":%llu", i ? "," : "", counters[i].name,
                             (unsigned long long) counters[i].value);
}

void heartbeat_append_status(struct source *source, struct buffer *json)
{
    mutex_lock(&source->lock);
    bool draining = source->draining, rings = source->doorbell_works;
    mutex_unlock(&source->lock);

    const char *doorbell = source->config->doorbell == CONFIG_DOORBELL_OFF ? "off"
                           : rings                                         ? "works"
                                                                           : "silent";
    buffer_append_format(json, "{\"state\":\"%s\",\"slowed\":%d,\"doorbell\":\"%s\",\"queues\":{",
                         draining ? "draining" : "running", source->slowed, doorbell);
    append_queues(source, json);
    buffer_append_text(json, "},\"unbound\":");
    unbound_append_json(source->unbound, json);
    buffer_append_text(json, ",\"counters\":{");
    append_counters(source, json);
    buffer_append_text(json, "}}");
}
