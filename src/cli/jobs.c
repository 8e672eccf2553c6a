#include <string.h>
#include <stdio.h>
#include <sysexits.h>

#include "commands.h"
#include "json_output.h"
#include "row_output.h"
#include "table.h"
#include "times.h"

static json_t *jobs_json(const struct job_view *jobs, size_t count)
{
    json_t *array = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append_new(array, row_job_json(&jobs[i], ROW_BRIEF));
    return array;
}

static void add_row(struct table *table, const struct job_view *job)
{
    char when[TIMES_TEXT_SIZE];
    table_cell_u64(table, job->id);
    table_cell_row(table, job->queue);
    table_cell_row(table, job->kind);
    table_cell(table, "%s%s", job_phase_name(job->phase),
               job->state.len && strcmp(job->state.bytes, "prepared") == 0 ? " (prepared)" : "");
    table_cell(table, "%u", job->priority);
    if (job->next_run_at_us > 0)
        table_cell(table, "%s", times_relative(job->next_run_at_us, job->now_us, when));
    else
        table_cell(table, "no date");
    if (job->max_attempts)
        table_cell(table, "%u/%u", job->attempts, job->max_attempts);
    else
        table_cell(table, "%u", job->attempts);
    table_cell_u64(table, job->payload_len);
    table_cell_row(table, job->unique_key);
}

static int print_jobs(const struct job_view *jobs, size_t count)
{
    static const struct table_column columns[] = {
        { "JOB", true, 0 },      { "QUEUE", false, 0 },   { "KIND", false, 0 },
        { "PHASE", false, 0 },   { "PRIORITY", true, 0 }, { "NEXT RUN", false, 0 },
        { "ATTEMPTS", true, 0 }, { "BYTES", true, 0 },    { "UNIQUE KEY", false, 40 },
    };
    struct table table;
    table_init(&table, columns, sizeof columns / sizeof *columns);
    for (size_t i = 0; i < count; i++)
        add_row(&table, &jobs[i]);
    bool printed = table_print(&table);
    table_done(&table);
    return printed ? EX_OK : EX_OSERR;
}

/* "all" leaves *ret_phase NULL. */
static bool find_phase(const char *name, const enum job_phase **ret_phase)
{
    static const enum job_phase phases[] = { JOB_PHASE_DUE, JOB_PHASE_DELAYED, JOB_PHASE_RUNNING };
    *ret_phase = NULL;
    for (size_t i = 0; name && i < sizeof phases / sizeof *phases; i++)
        if (strcmp(name, job_phase_name(phases[i])) == 0)
            *ret_phase = &phases[i];
    return !name || *ret_phase || strcmp(name, "all") == 0;
}

int command_jobs(struct cli *cli, const struct command *command, int argc, char **argv)
{
    struct job_filter filter = { 0 };
    const char *state = NULL;
    int64_t limit = 50;
    const struct argument table[] = {
        { "queue", 0, ARGUMENT_NAME, &filter.queue, "NAME", "only of this queue", 0, 0 },
        { "kind", 0, ARGUMENT_NAME, &filter.kind, "KIND", "only of this kind, or of order.*", 0,
          0 },
        { "state", 0, ARGUMENT_TEXT, &state, "STATE", "due, delayed, running or all", 0, 0 },
        { "limit", 0, ARGUMENT_NUMBER, &limit, "NUMBER", "at most so many; default 50", 1,
          1000000 },
    };
    struct job_view *jobs;
    struct error error;
    size_t count = 0;
    int status;

    if (!cli_arguments(cli, command, table, sizeof table / sizeof *table, 0, 0, &argc, argv,
                       &status))
        return status;
    if (!find_phase(state, &filter.phase))
        return cli_usage(command, "--state is due, delayed, running or all, not \"%s\"", state);
    filter.limit = (uint64_t) limit;
    status = cli_connect(cli, CLI_NEED_SCHEMA);
    if (status != EX_OK)
        return status;
    enum db_status listed = job_list(cli->db, &filter, &cli->arena, &jobs, &count, &error);
    if (listed != DB_OK)
        return cli_failed(cli, listed, &error);
    return cli->json ? json_print(jobs_json(jobs, count)) : print_jobs(jobs, count);
}
