#include <stdio.h>
#include <sysexits.h>

#include "commands.h"
#include "json_output.h"
#include "schema.h"

int command_migrate(struct cli *cli, const struct command *command, int argc, char **argv)
{
    struct error error;
    uint32_t from;
    int status;

    if (!cli_arguments(cli, command, NULL, 0, 0, 0, &argc, argv, &status))
        return status;
    status = cli_connect(cli, CLI_NEED_MIGRATION);
    if (status != EX_OK)
        return status;
    enum db_status migrated = schema_migrate(cli->db, &from, &error);
    if (migrated != DB_OK) {
        status = cli_failed(cli, migrated, &error);
        /* No statement failed: the schema is newer than this dueq. */
        return migrated == DB_FATAL && db_error_number(cli->db) == 0 ? EX_CONFIG : status;
    }
    if (cli->json)
        return json_print(json_pack("{s:i, s:i}", "from", (int) from, "to", (int) SCHEMA_VERSION));
    if (from == SCHEMA_VERSION)
        printf("already version %d\n", SCHEMA_VERSION);
    else
        printf("schema version %u -> %d\n", from, SCHEMA_VERSION);
    return EX_OK;
}
