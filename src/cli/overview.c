#include "overview.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"
#include "json_output.h"
#include "queue_names.h"

/* The queue of that name, which may be new. NULL: no memory. The name must live as long. */
static struct overview_queue *find_queue(struct overview *overview, const char *name)
{
    for (size_t i = 0; i < overview->queue_count; i++)
        if (strcmp(overview->queues[i].name, name) == 0)
            return &overview->queues[i];
    if (overview->queue_count == overview->queue_size) {
        size_t size = overview->queue_size ? overview->queue_size * 2 : 16;
        struct overview_queue *queues = reallocarray(overview->queues, size, sizeof *queues);
        if (!queues)
            return NULL;
        overview->queues = queues;
        overview->queue_size = size;
    }
    struct overview_queue *queue = &overview->queues[overview->queue_count++];
    *queue = (struct overview_queue){
        .name = name,
        .status = { .oldest_due_us = -1, .next_due_us = -1 },
    };
    return queue;
}

static enum db_status no_memory(struct error *error)
{
    error_set(error, "out of memory");
    return DB_FATAL;
}

static enum db_status add_workers(struct cli *cli, struct overview *overview, struct error *error)
{
    struct worker_view *views;
    size_t count;
    enum db_status status = worker_list_read(cli->db, &cli->arena, &views, &count, error);
    if (status != DB_OK)
        return status;
    overview->workers = calloc(count + 1, sizeof *overview->workers);
    if (!overview->workers)
        return no_memory(error);
    overview->worker_count = count;
    for (size_t i = 0; i < count; i++) {
        struct worker_status *worker = &overview->workers[i];
        const char *name;
        json_t *unused;
        worker_status_init(worker, &views[i]);
        worker_status_add_unbound(worker, overview->unbound);
        json_object_foreach(json_object_get(worker->json, "queues"), name, unused)
        {
            if (!worker_status_serves(worker, name))
                continue;
            struct overview_queue *queue = find_queue(overview, name);
            if (!queue)
                return no_memory(error);
            queue->workers++;
        }
    }
    return DB_OK;
}

static enum db_status add_settings(struct cli *cli, struct overview *overview, struct error *error)
{
    struct queue_control *controls;
    size_t count;
    enum db_status status = queue_control_read(cli->db, &controls, &count, error);
    for (size_t i = 0; status == DB_OK && i < count; i++) {
        const char *name = arena_copy(&cli->arena, controls[i].queue, strlen(controls[i].queue));
        struct overview_queue *queue = name ? find_queue(overview, name) : NULL;
        if (queue)
            queue->control = controls[i];
        else
            status = no_memory(error);
    }
    if (status == DB_OK)
        free(controls);
    return status;
}

static enum db_status add_dead(struct cli *cli, bool exact, struct overview *overview,
                               struct error *error)
{
    struct queue_dead *dead;
    size_t count;
    enum db_status status = queue_dead_read(cli->db, exact, &cli->arena, &dead, &count, error);
    for (size_t i = 0; status == DB_OK && i < count; i++) {
        struct overview_queue *queue = find_queue(overview, dead[i].queue.bytes);
        if (queue)
            queue->dead = dead[i].dead;
        else
            status = no_memory(error);
    }
    return status;
}

static enum db_status add_jobs(struct cli *cli, bool exact, struct overview *overview,
                               struct error *error)
{
    const char *const *names;
    size_t count;
    enum db_status status = queue_names_read(cli->db, &cli->arena, &names, &count, error);
    for (size_t i = 0; status == DB_OK && i < count; i++) {
        struct overview_queue *queue = find_queue(overview, names[i]);
        status = queue ? queue_status_read(cli->db, names[i], exact, &queue->status, error)
                       : no_memory(error);
    }
    return status;
}

static enum db_status add_configured(struct cli *cli, struct overview *overview,
                                     struct error *error)
{
    for (size_t i = 0; cli->config && i < cli->config->queue_count; i++)
        if (!find_queue(overview, cli->config->queues[i].name))
            return no_memory(error);
    return DB_OK;
}

static void hint(struct overview *overview, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void hint(struct overview *overview, const char *format, ...)
{
    char text[512];
    va_list args;
    va_start(args, format);
    int len = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (len >= 0) {
        json_t *string = json_row_text((struct row_text){ text, strlen(text) });
        json_array_append_new(overview->hints, string);
    }
}

static void add_hints(struct overview *overview)
{
    const char *kind;
    json_t *count;

    for (size_t i = 0; i < overview->queue_count; i++) {
        const struct overview_queue *queue = &overview->queues[i];
        bool holds_jobs = queue->status.due.count > 0 || queue->status.delayed.count > 0;
        if (holds_jobs && queue->workers == 0)
            hint(overview,
                 "queue %s holds jobs, but no live worker serves it: name it in the "
                 "queues of a dueq.conf, and see that dueqd runs",
                 queue->name);
        if (queue->status.locked > 0)
            hint(overview,
                 "queue %s: %u of the oldest due jobs are locked by another transaction, so nobody "
                 "can claim them: look for it in information_schema.INNODB_TRX",
                 queue->name, queue->status.locked);
    }
    for (size_t i = 0; i < overview->worker_count; i++) {
        const struct worker_view *worker = overview->workers[i].view;
        if (worker->stale)
            hint(overview,
                 "worker %llu (%.100s) has been silent for longer than %d s: it was "
                 "killed, or cannot reach the database; its row goes after a day",
                 (unsigned long long) worker->worker_id, worker->name.bytes,
                 WORKER_STALE_US / 1000000);
        else if (strcmp(worker_status_doorbell(&overview->workers[i]), "silent") == 0)
            hint(overview,
                 "worker %llu (%.100s) is to follow the binlog, and cannot: its queues are polled; "
                 "its log and `dueq check` say why",
                 (unsigned long long) worker->worker_id, worker->name.bytes);
    }
    json_object_foreach(overview->unbound, kind, count)
        hint(overview,
             "kind %s has no handler: jobs of it were put off %lld times; bind it in kinds, or "
             "install a handler of that name",
             kind, (long long) json_integer_value(count));
}

static int by_name(const void *a, const void *b)
{
    const struct overview_queue *x = a, *y = b;
    return strcmp(x->name, y->name);
}

enum db_status overview_read(struct cli *cli, bool exact, struct overview *overview,
                             struct error *error)
{
    overview->unbound = json_object();
    overview->hints = json_array();
    enum db_status status = add_configured(cli, overview, error);
    if (status == DB_OK)
        status = add_workers(cli, overview, error);
    if (status == DB_OK)
        status = add_settings(cli, overview, error);
    if (status == DB_OK)
        status = add_dead(cli, exact, overview, error);
    if (status == DB_OK)
        status = add_jobs(cli, exact, overview, error);
    if (status != DB_OK)
        return status;
    if (overview->queue_count)
        qsort(overview->queues, overview->queue_count, sizeof *overview->queues, by_name);
    add_hints(overview);
    return DB_OK;
}

void overview_done(struct overview *overview)
{
    for (size_t i = 0; i < overview->worker_count; i++)
        worker_status_done(&overview->workers[i]);
    free(overview->workers);
    free(overview->queues);
    json_decref(overview->unbound);
    json_decref(overview->hints);
}
