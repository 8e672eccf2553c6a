#include <stdio.h>
#include <sysexits.h>

#include "commands.h"
#include "dead_options.h"
#include "exit_status.h"
#include "json_output.h"
#include "output.h"
#include "row_output.h"

enum { PAYLOAD_CHARS = 2000 }; /* shown without --full */

static void say_missing(const struct dead_filter *filter, const struct dead_view *dead,
                        size_t count)
{
    for (size_t i = 0; i < filter->dead_id_count; i++) {
        bool found = false;
        for (size_t k = 0; k < count; k++)
            found = found || dead[k].dead_id == filter->dead_ids[i];
        if (!found)
            output_error("there is no dead letter %llu", (unsigned long long) filter->dead_ids[i]);
    }
}

int command_dead_show(struct cli *cli, const struct command *command, int argc, char **argv)
{
    bool full = false;
    const struct argument table[] = {
        { "full", 0, ARGUMENT_FLAG, &full, NULL, "the whole payload, however long", 0, 0 },
    };
    struct argument unused[DEAD_ARGUMENTS];
    struct dead_options options;
    struct dead_view *dead;
    struct error error;
    size_t count = 0;
    int status;

    dead_options_init(&options, unused);
    if (!cli_arguments(cli, command, table, 1, 1, -1, &argc, argv, &status))
        return status;
    if (!dead_options_finish(cli, command, &options, argc - 1, argv + 1))
        return EX_USAGE;
    status = cli_connect(cli, CLI_NEED_SCHEMA);
    if (status != EX_OK)
        return status;
    enum db_status listed = dead_list(cli->db, &options.filter, options.filter.dead_id_count,
                                      full ? UINT32_MAX : PAYLOAD_CHARS, &cli->arena, &dead, &count,
                                      &error);
    if (listed != DB_OK)
        return cli_failed(cli, listed, &error);
    if (cli->json) {
        json_t *array = json_array();
        for (size_t i = 0; i < count; i++)
            json_array_append_new(array, row_dead_json(&dead[i], ROW_FULL));
        status = json_print(array);
    } else {
        for (size_t i = 0; i < count; i++) {
            if (i > 0)
                printf("\n");
            row_print_dead(&dead[i]);
        }
    }
    say_missing(&options.filter, dead, count);
    return status != EX_OK ? status : count < options.filter.dead_id_count ? EXIT_NO : EX_OK;
}
