#include "commands.h"
#include "queue_settings_change.h"

int command_resume(struct cli *cli, const struct command *command, int argc, char **argv)
{
    const struct queue_settings settings = { .paused = SETTING_CLEAR };
    int status;
    if (!cli_arguments(cli, command, NULL, 0, 1, 1, &argc, argv, &status))
        return status;
    return queue_settings_change(cli, command, argv[1], &settings);
}
