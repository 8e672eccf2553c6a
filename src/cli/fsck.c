#include <sysexits.h>

#include "commands.h"
#include "config.h"
#include "consistency.h"
#include "findings.h"

int command_fsck(struct cli *cli, const struct command *command, int argc, char **argv)
{
    static const int64_t keep_errors_default_us = INT64_C(30) * 24 * 3600 * 1000000;
    struct check_finding items[CONSISTENCY_MAX];
    struct check_findings findings = { .items = items, .max = CONSISTENCY_MAX };
    struct error error;
    int status;

    if (!cli_arguments(cli, command, NULL, 0, 0, 0, &argc, argv, &status))
        return status;
    status = cli_connect(cli, CLI_NEED_SCHEMA);
    if (status != EX_OK)
        return status;
    int64_t keep_us = cli->config ? cli->config->keep_errors_us : keep_errors_default_us;
    enum db_status checked = consistency_check(cli->db, keep_us, &findings, &error);
    if (checked != DB_OK)
        return cli_failed(cli, checked, &error);
    return findings_print(cli, items, findings.count);
}
