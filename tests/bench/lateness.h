#pragma once

#include "arguments.h"

/* `bench lateness --stamps FILE --arrivals FILE`: from what the handler `stamp` wrote, and where it
 * is given from what `bench arrivals` wrote beside it, in milliseconds:
 *
 *   late      when the handler began, after the job was due
 *   pickup    when the handler began, after the INSERT began (created_at)
 *   insert    what of that was the INSERT's own time, its COMMIT on the disk included
 *   after     when the handler began, after the INSERT was answered; below 0: before
 *
 * A job that ran more than once counts with its first run. */
int lateness_command(struct arguments *arguments);
