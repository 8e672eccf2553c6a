#include <sysexits.h>

#include "commands.h"
#include "config.h"
#include "doorbell_check.h"
#include "findings.h"
#include "server_check.h"

int command_check(struct cli *cli, const struct command *command, int argc, char **argv)
{
    struct check_finding findings[SERVER_CHECK_MAX + 1];
    struct error error;
    size_t count = 0;
    int status;

    if (!cli_arguments(cli, command, NULL, 0, 0, 0, &argc, argv, &status))
        return status;
    status = cli_connect(cli, CLI_NEED_SERVER);
    if (status != EX_OK)
        return status;
    enum db_status checked = server_check(cli->db, findings, SERVER_CHECK_MAX, &count, &error);
    if (checked == DB_OK && cli->source && cli->source->doorbell != CONFIG_DOORBELL_OFF) {
        struct check_findings more = { .items = findings,
                                       .max = SERVER_CHECK_MAX + 1,
                                       .count = count };
        checked = doorbell_check(cli->db, &more, &error); /* last: it uses the connection up */
        count = more.count;
    }
    if (checked != DB_OK)
        return cli_failed(cli, checked, &error);
    return findings_print(cli, findings, count);
}
