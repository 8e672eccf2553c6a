#pragma once

#include "arguments.h"

/* `bench arrivals --jobs N --pause-ms N --kind KIND --bytes N --file FILE`: inserts jobs that are
 * due now, one at a time. The pauses before them are random, half to one and a half of that, so
 * that they are in step with nobody's polling. Writes a line `id returned_us` for each: when its
 * INSERT, and so its COMMIT, had been answered, by CLOCK_REALTIME. */
int arrivals_command(struct arguments *arguments);
