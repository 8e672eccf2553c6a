#include <stdio.h>
#include <sysexits.h>

#include "commands.h"
#include "dead_options.h"
#include "json_output.h"
#include "row_output.h"
#include "table.h"
#include "times.h"

static json_t *dead_json(const struct dead_view *dead, size_t count)
{
    json_t *array = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append_new(array, row_dead_json(&dead[i], ROW_BRIEF));
    return array;
}

static int print_dead(const struct dead_view *dead, size_t count)
{
    static const struct table_column columns[] = {
        { "DEAD", true, 0 },     { "JOB", true, 0 },       { "QUEUE", false, 0 },
        { "KIND", false, 0 },    { "DIED", false, 0 },     { "REASON", false, 0 },
        { "ATTEMPTS", true, 0 }, { "MESSAGE", false, 80 },
    };
    struct table table;
    table_init(&table, columns, sizeof columns / sizeof *columns);
    for (size_t i = 0; i < count; i++) {
        char when[TIMES_TEXT_SIZE];
        table_cell_u64(&table, dead[i].dead_id);
        table_cell_u64(&table, dead[i].id);
        table_cell_row(&table, dead[i].queue);
        table_cell_row(&table, dead[i].kind);
        table_cell(&table, "%s", times_relative(dead[i].died_at_us, dead[i].now_us, when));
        table_cell_row(&table, dead[i].reason);
        table_cell(&table, "%u", dead[i].attempts);
        table_cell_row(&table, dead[i].message);
    }
    bool printed = table_print(&table);
    table_done(&table);
    return printed ? EX_OK : EX_OSERR;
}

int command_dead_list(struct cli *cli, const struct command *command, int argc, char **argv)
{
    struct argument table[DEAD_ARGUMENTS + 1];
    struct dead_options options;
    struct dead_view *dead;
    struct error error;
    int64_t limit = 50;
    size_t count = 0;
    int status;

    dead_options_init(&options, table);
    table[DEAD_ARGUMENTS] = (struct argument){ "limit", 0,        ARGUMENT_NUMBER,
                                               &limit,  "NUMBER", "at most so many; default 50",
                                               1,       1000000 };
    if (!cli_arguments(cli, command, table, DEAD_ARGUMENTS + 1, 0, 0, &argc, argv, &status))
        return status;
    if (!dead_options_finish(cli, command, &options, 0, NULL))
        return EX_USAGE;
    status = cli_connect(cli, CLI_NEED_SCHEMA);
    if (status != EX_OK)
        return status;
    enum db_status listed = dead_list(cli->db, &options.filter, (uint64_t) limit, 0, &cli->arena,
                                      &dead, &count, &error);
    if (listed != DB_OK)
        return cli_failed(cli, listed, &error);
    return cli->json ? json_print(dead_json(dead, count)) : print_dead(dead, count);
}
