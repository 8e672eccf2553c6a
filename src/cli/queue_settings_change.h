#pragma once

#include "cli.h"
#include "queue_settings.h"

/* Connects, writes the settings of a queue and shows what they are now: the common part of pause,
 * resume and set. An exit status. */
int queue_settings_change(struct cli *cli, const struct command *command, const char *queue,
                          const struct queue_settings *settings);
