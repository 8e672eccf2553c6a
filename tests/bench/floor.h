#pragma once

#include "arguments.h"

/* `bench floor --mode lease|hold --lanes N --batch N --jobs N --due-us T`: the same SQL with no
 * daemon, by as many connections, a thread each; ends when so many jobs are gone from the table.
 * Begins at T of the database's clock, at once without. Prints jobs, seconds from the beginning to
 * the last COMMIT, end_us, and the CPU time of both sides.
 *
 *   hold    START TRANSACTION; locking SELECT; DELETE; COMMIT
 *   lease   START TRANSACTION; locking SELECT; UPDATE; COMMIT; START TRANSACTION; fenced DELETE;
 *           COMMIT
 *
 * The rows are read whole, as who runs jobs needs them, and nothing is done with them. A lane reads
 * the index from where its last batch ended: nothing can be due behind it, as here nobody rolls
 * back. Only where it found nothing it looks from the beginning again: somebody may be inserting.
 */
int floor_command(struct arguments *arguments);
