#include "queue_settings_change.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "json_output.h"
#include "output.h"
#include "queue_control.h"

/* A pause of a queue that nobody knows is most likely a misspelling. It may also be one that is
 * still to come, so it is a remark and no error. */
static void remark_unknown(struct cli *cli, const char *queue)
{
    struct buffer sql = { 0 };
    struct error ignored;
    uint64_t known = 0;

    buffer_append_text(&sql, "SELECT 1 FROM dueq_job FORCE INDEX (due) WHERE queue = ");
    db_append_quoted(cli->db, &sql, queue, strlen(queue));
    buffer_append_text(&sql, " UNION ALL SELECT 1 FROM dueq_worker WHERE JSON_CONTAINS("
                             "JSON_KEYS(status, '$.queues'), JSON_QUOTE(");
    db_append_quoted(cli->db, &sql, queue, strlen(queue));
    buffer_append_text(&sql, ")) LIMIT 1");
    if (!sql.failed && db_query_u64(cli->db, sql.bytes, &known, &ignored) == DB_NO_ROW)
        output_error("remark: there is no job in a queue \"%s\", and no worker serves one", queue);
    buffer_done(&sql);
}

static int print_queue(struct cli *cli, const char *queue, bool resumed)
{
    struct queue_control *controls = NULL;
    struct queue_control control = { .paused = false };
    struct error error;
    size_t count = 0;

    enum db_status status = queue_control_read(cli->db, &controls, &count, &error);
    if (status != DB_OK)
        return cli_failed(cli, status, &error);
    for (size_t i = 0; i < count; i++)
        if (strcmp(controls[i].queue, queue) == 0)
            control = controls[i];
    free(controls);
    if (resumed && control.paused)
        output_error("remark: it is paused all the same, by a concurrency or a rate of 0 in "
                     "dueq_queue: give it a number, or none, with dueq set");
    if (cli->json)
        return json_print(json_pack(
            "{s:s, s:b, s:o, s:o}", "queue", queue, "paused", control.paused, "concurrency",
            json_nonzero(control.concurrency), "rate", json_nonzero(control.rate)));
    printf("queue %s: %s", queue, control.paused ? "paused" : "not paused");
    if (control.concurrency)
        printf(", concurrency %u", control.concurrency);
    if (control.rate)
        printf(", rate %u a second", control.rate);
    printf("\n");
    return EX_OK;
}

int queue_settings_change(struct cli *cli, const struct command *command, const char *queue,
                          const struct queue_settings *settings)
{
    struct error error;

    if (!argument_is_name(queue))
        return cli_usage(command, "a queue is 1 to 64 ASCII characters without spaces");
    int status = cli_connect(cli, CLI_NEED_SCHEMA);
    if (status != EX_OK)
        return status;
    remark_unknown(cli, queue);
    enum db_status written = queue_settings_write(cli->db, queue, settings, &error);
    if (written != DB_OK)
        return cli_failed(cli, written, &error);
    return print_queue(cli, queue, settings->paused == SETTING_CLEAR);
}
