#pragma once

#include "arguments.h"

/* `bench snapshot`: opens a REPEATABLE READ view of dueq_job, says "open", and holds it until the
 * process is ended: what a dump does to purge. */
int snapshot_command(struct arguments *arguments);
