#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "commands.h"
#include "config.h"
#include "doorbell_check.h"
#include "exit_status.h"
#include "json_output.h"
#include "output.h"
#include "server_check.h"

static json_t *findings_json(const struct check_finding *findings, size_t count)
{
    json_t *array = json_array();
    for (size_t i = 0; i < count; i++) {
        const char *text = findings[i].text;
        json_array_append_new(array,
                              json_pack("{s:s, s:s, s:o}", "check", findings[i].name, "level",
                                        check_level_name(findings[i].level), "text",
                                        json_row_text((struct row_text){ text, strlen(text) })));
    }
    return array;
}

static void print_findings(const struct check_finding *findings, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct check_finding *finding = &findings[i];
        const char *colour = finding->level == CHECK_FAILURE   ? output_red()
                             : finding->level == CHECK_WARNING ? output_yellow()
                                                               : "";
        struct buffer text = { 0 };
        output_escape(&text, finding->text, strlen(finding->text));
        printf("%s%-8s%s %-20s %s\n", colour, check_level_name(finding->level),
               *colour ? output_plain() : "", finding->name, text.bytes ? text.bytes : "");
        buffer_done(&text);
    }
}

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
    if (cli->json)
        status = json_print(findings_json(findings, count));
    else
        print_findings(findings, count);
    for (size_t i = 0; i < count && status == EX_OK; i++)
        if (findings[i].level == CHECK_FAILURE)
            status = EXIT_NO;
    return status;
}
