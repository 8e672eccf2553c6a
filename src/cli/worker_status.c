#include "worker_status.h"

#include <string.h>

void worker_status_init(struct worker_status *status, const struct worker_view *view)
{
    json_t *json = view->status.bytes
                       ? json_loadb(view->status.bytes, view->status.len, JSON_ALLOW_NUL, NULL)
                       : NULL;
    if (!json_is_object(json)) {
        json_decref(json);
        json = json_object();
    }
    *status = (struct worker_status){ .view = view, .json = json };
}

void worker_status_done(struct worker_status *status)
{
    json_decref(status->json);
}

const char *worker_status_state(const struct worker_status *status)
{
    const char *state = json_string_value(json_object_get(status->json, "state"));
    if (status->view->stale)
        return "stale";
    if (!state)
        return "starting";
    return strcmp(state, "draining") == 0 ? "draining" : "running";
}

bool worker_status_serves(const struct worker_status *status, const char *queue)
{
    return !status->view->stale &&
           json_is_object(json_object_get(json_object_get(status->json, "queues"), queue));
}

static uint64_t count_of(json_t *value)
{
    json_int_t count = json_integer_value(value); /* 0 for what is no integer */
    return count > 0 ? (uint64_t) count : 0;
}

uint64_t worker_status_sum(const struct worker_status *status, const char *gauge)
{
    const char *name;
    json_t *queue;
    uint64_t sum = 0;
    json_object_foreach(json_object_get(status->json, "queues"), name, queue)
        sum += count_of(json_object_get(queue, gauge));
    return sum;
}

const char *worker_status_doorbell(const struct worker_status *status)
{
    static const char *const known[] = { "off", "works", "silent" };
    const char *doorbell = json_string_value(json_object_get(status->json, "doorbell"));
    for (size_t i = 0; doorbell && i < sizeof known / sizeof *known; i++)
        if (strcmp(doorbell, known[i]) == 0)
            return known[i];
    return "-";
}

void worker_status_add_unbound(const struct worker_status *status, json_t *counts)
{
    const char *kind;
    json_t *count;
    if (status->view->stale)
        return;
    json_object_foreach(json_object_get(status->json, "unbound"), kind, count)
    {
        uint64_t sum = count_of(json_object_get(counts, kind)) + count_of(count);
        json_object_set_new(counts, kind, json_integer((json_int_t) sum));
    }
}
