#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "commands.h"
#include "json_output.h"
#include "output.h"
#include "overview.h"
#include "table.h"
#include "times.h"

static void set(json_t *object, const char *name, json_t *value)
{
    json_object_set_new(object, name, value);
}

/* "due": 100000, "due_more": true */
static void set_count(json_t *object, const char *name, const char *more_name,
                      const struct queue_count *count)
{
    set(object, name, json_integer((json_int_t) count->count));
    set(object, more_name, json_boolean(count->more));
}

static json_t *queue_json(const struct overview_queue *queue)
{
    json_t *object = json_object();
    set(object, "queue", json_row_text((struct row_text){ queue->name, strlen(queue->name) }));
    set_count(object, "due", "due_more", &queue->status.due);
    set_count(object, "delayed", "delayed_more", &queue->status.delayed);
    set_count(object, "running", "running_more", &queue->status.running);
    set_count(object, "dead", "dead_more", &queue->dead);
    set(object, "oldest_due_seconds", json_seconds(queue->status.oldest_due_us));
    set(object, "next_due_seconds", json_seconds(queue->status.next_due_us));
    set(object, "due_but_locked", json_integer(queue->status.locked));
    set(object, "workers", json_integer(queue->workers));
    set(object, "paused", json_boolean(queue->control.paused));
    set(object, "concurrency", json_nonzero(queue->control.concurrency));
    set(object, "rate", json_nonzero(queue->control.rate));
    return object;
}

static json_t *worker_json(const struct worker_status *worker)
{
    const struct worker_view *view = worker->view;
    json_t *object = json_object();
    set(object, "worker_id", json_integer((json_int_t) view->worker_id));
    set(object, "name", json_row_text(view->name));
    set(object, "version", json_row_text(view->version));
    set(object, "state", json_string(worker_status_state(worker)));
    set(object, "stale", json_boolean(view->stale));
    set(object, "started_at", json_time(view->started_at_us));
    set(object, "seen_at", json_time(view->seen_at_us));
    set(object, "status", json_incref(worker->json));
    return object;
}

static json_t *overview_json(const struct overview *overview)
{
    json_t *queues = json_array(), *workers = json_array();
    for (size_t i = 0; i < overview->queue_count; i++)
        json_array_append_new(queues, queue_json(&overview->queues[i]));
    for (size_t i = 0; i < overview->worker_count; i++)
        json_array_append_new(workers, worker_json(&overview->workers[i]));
    return json_pack("{s:o, s:o, s:O, s:O}", "queues", queues, "workers", workers, "unbound",
                     overview->unbound, "hints", overview->hints);
}

static void add_count(struct table *table, const struct queue_count *count)
{
    table_cell(table, "%llu%s", (unsigned long long) count->count, count->more ? "+" : "");
}

static void add_age(struct table *table, int64_t us)
{
    char age[TIMES_TEXT_SIZE];
    table_cell(table, "%s", us >= 0 ? times_age(us, age) : "-");
}

static void add_settings(struct table *table, const struct queue_control *control)
{
    struct buffer text = { 0 };
    if (control->paused)
        buffer_append_text(&text, "paused");
    if (control->concurrency)
        buffer_append_format(&text, "%sconcurrency %u", text.len ? ", " : "", control->concurrency);
    if (control->rate)
        buffer_append_format(&text, "%srate %u/s", text.len ? ", " : "", control->rate);
    table_cell(table, "%s", text.len ? text.bytes : "-");
    buffer_done(&text);
}

static bool print_queues(const struct overview *overview)
{
    static const struct table_column columns[] = {
        { "QUEUE", false, 0 },      { "DUE", true, 0 },     { "DELAYED", true, 0 },
        { "RUNNING", true, 0 },     { "DEAD", true, 0 },    { "OLDEST DUE", true, 0 },
        { "NEXT DUE IN", true, 0 }, { "WORKERS", true, 0 }, { "SETTINGS", false, 0 },
    };
    struct table table;
    table_init(&table, columns, sizeof columns / sizeof *columns);
    for (size_t i = 0; i < overview->queue_count; i++) {
        const struct overview_queue *queue = &overview->queues[i];
        table_cell(&table, "%s", queue->name);
        add_count(&table, &queue->status.due);
        add_count(&table, &queue->status.delayed);
        add_count(&table, &queue->status.running);
        add_count(&table, &queue->dead);
        add_age(&table, queue->status.oldest_due_us);
        add_age(&table, queue->status.next_due_us);
        table_cell(&table, "%u", queue->workers);
        add_settings(&table, &queue->control);
    }
    bool printed = table_print(&table);
    table_done(&table);
    return printed;
}

static bool print_workers(const struct overview *overview)
{
    static const struct table_column columns[] = {
        { "WORKER", true, 0 },  { "NAME", false, 60 },  { "VERSION", false, 0 },
        { "STATE", false, 0 },  { "UP FOR", true, 0 },  { "HEARTBEAT", false, 0 },
        { "RUNNING", true, 0 }, { "THREADS", true, 0 }, { "DOORBELL", false, 0 },
    };
    struct table table;
    table_init(&table, columns, sizeof columns / sizeof *columns);
    for (size_t i = 0; i < overview->worker_count; i++) {
        const struct worker_status *worker = &overview->workers[i];
        const struct worker_view *view = worker->view;
        char seen[TIMES_TEXT_SIZE];
        table_cell_u64(&table, view->worker_id);
        table_cell_row(&table, view->name);
        table_cell_row(&table, view->version);
        table_cell(&table, "%s", worker_status_state(worker));
        add_age(&table, view->now_us - view->started_at_us);
        table_cell(&table, "%s", times_relative(view->seen_at_us, view->now_us, seen));
        table_cell_u64(&table,
                       worker_status_sum(worker, "running") + worker_status_sum(worker, "pending"));
        table_cell_u64(&table, worker_status_sum(worker, "threads"));
        table_cell(&table, "%s", worker_status_doorbell(worker));
    }
    bool printed = table_print(&table);
    table_done(&table);
    return printed;
}

static int print_overview(const struct overview *overview)
{
    size_t i;
    json_t *hint;

    if (!print_queues(overview))
        return EX_OSERR;
    if (overview->worker_count == 0)
        printf("\nno workers\n");
    else if (putchar('\n') == EOF || !print_workers(overview))
        return EX_OSERR;
    json_array_foreach(overview->hints, i, hint)
    {
        struct buffer text = { 0 };
        output_escape(&text, json_string_value(hint), json_string_length(hint));
        printf("%s%s! %s%s\n", i == 0 ? "\n" : "", output_yellow(), text.bytes ? text.bytes : "",
               output_plain());
        buffer_done(&text);
    }
    return EX_OK;
}

int command_status(struct cli *cli, const struct command *command, int argc, char **argv)
{
    bool exact = false;
    const struct argument table[] = {
        { "exact", 0, ARGUMENT_FLAG, &exact, NULL,
          "count every job, however many there are, not up to 100000", 0, 0 },
    };
    struct overview overview = { 0 };
    struct error error;
    int status;

    if (!cli_arguments(cli, command, table, 1, 0, 0, &argc, argv, &status))
        return status;
    status = cli_connect(cli, CLI_NEED_SCHEMA);
    if (status != EX_OK)
        return status;
    enum db_status read = overview_read(cli, exact, &overview, &error);
    if (read != DB_OK)
        status = cli_failed(cli, read, &error);
    else if (cli->json)
        status = json_print(overview_json(&overview));
    else
        status = print_overview(&overview);
    overview_done(&overview);
    return status;
}
