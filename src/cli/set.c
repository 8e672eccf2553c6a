#include <string.h>

#include "commands.h"
#include "queue_settings_change.h"

/* A number, or "none". False: neither. */
static bool parse_limit(const char *text, enum setting_change *change, uint32_t *value)
{
    uint64_t number;
    if (!text)
        return true;
    if (strcmp(text, "none") == 0) {
        *change = SETTING_CLEAR;
        return true;
    }
    if (!argument_id(text, &number) || number > UINT32_MAX)
        return false;
    *change = SETTING_SET;
    *value = (uint32_t) number;
    return true;
}

int command_set(struct cli *cli, const struct command *command, int argc, char **argv)
{
    struct queue_settings settings = { .paused = SETTING_KEEP };
    const char *concurrency = NULL, *rate = NULL;
    const struct argument table[] = {
        { "concurrency", 0, ARGUMENT_TEXT, &concurrency, "NUMBER",
          "jobs that one daemon runs at a time, or none", 0, 0 },
        { "rate", 0, ARGUMENT_TEXT, &rate, "NUMBER",
          "jobs that one daemon begins in a second, or none", 0, 0 },
    };
    int status;

    if (!cli_arguments(cli, command, table, 2, 1, 1, &argc, argv, &status))
        return status;
    if (!concurrency && !rate)
        return cli_usage(command, "nothing is set: --concurrency or --rate");
    if (!parse_limit(concurrency, &settings.change_concurrency, &settings.concurrency))
        return cli_usage(command, "--concurrency is a number from 1, or none, not \"%s\"",
                         concurrency);
    if (!parse_limit(rate, &settings.change_rate, &settings.rate))
        return cli_usage(command, "--rate is a number from 1, or none, not \"%s\"", rate);
    return queue_settings_change(cli, command, argv[1], &settings);
}
