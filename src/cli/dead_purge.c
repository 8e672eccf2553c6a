#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "commands.h"
#include "dead_dry_run.h"
#include "dead_options.h"
#include "dead_redrive.h"
#include "json_output.h"

int command_dead_purge(struct cli *cli, const struct command *command, int argc, char **argv)
{
    struct dead_options options;
    int64_t limit = INT64_MAX;
    bool dry_run = false, yes = false;
    const struct argument own[] = {
        { "yes", 0, ARGUMENT_FLAG, &yes, NULL, "really: what is purged is gone", 0, 0 },
        { "limit", 0, ARGUMENT_NUMBER, &limit, "NUMBER", "at most so many, the oldest first", 1,
          INT64_MAX },
        { "dry-run", 0, ARGUMENT_FLAG, &dry_run, NULL, "only say how many there are", 0, 0 },
    };
    struct argument table[DEAD_ARGUMENTS + 3];
    struct error error;
    uint64_t purged;
    int status;

    dead_options_init(&options, table);
    memcpy(table + DEAD_ARGUMENTS, own, sizeof own);
    if (!cli_arguments(cli, command, table, DEAD_ARGUMENTS + 3, 0, -1, &argc, argv, &status))
        return status;
    if (!dead_options_finish(cli, command, &options, argc - 1, argv + 1))
        return EX_USAGE;
    if (!yes && !dry_run)
        return cli_usage(command, "what is purged is gone: say --yes, or --dry-run to see how much "
                                  "it is");
    status = cli_connect(cli, CLI_NEED_SCHEMA);
    if (status != EX_OK)
        return status;
    if (dry_run)
        return dead_dry_run(cli, &options.filter, (uint64_t) limit, "deleted");
    enum db_status done = dead_purge(cli->db, &options.filter, (uint64_t) limit, &purged, &error);
    if (cli->json)
        status = json_print(json_pack("{s:I}", "purged", (json_int_t) purged));
    else
        printf("%llu dead letter%s deleted\n", (unsigned long long) purged, purged == 1 ? "" : "s");
    return done == DB_OK ? status : cli_failed(cli, done, &error);
}
