#pragma once

#include "arguments.h"

/* `bench idle --seconds N --pid PID`: how many statements a second the server was sent meanwhile,
 * this program's own not counted, and how much of a processor, in per cent, the process used. */
int idle_command(struct arguments *arguments);
