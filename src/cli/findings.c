#include "findings.h"

#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "exit_status.h"
#include "json_output.h"
#include "output.h"

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

int findings_print(const struct cli *cli, const struct check_finding *findings, size_t count)
{
    int status = EX_OK;

    if (cli->json)
        status = json_print(findings_json(findings, count));
    else
        print_findings(findings, count);
    for (size_t i = 0; i < count && status == EX_OK; i++)
        if (findings[i].level == CHECK_FAILURE)
            status = EXIT_NO;
    return status;
}
