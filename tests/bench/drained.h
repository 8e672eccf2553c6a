#pragma once

#include "arguments.h"

/* `bench drained --jobs N --from-us T --first-id ID --pids PID,PID`: begins at T, or now where that
 * is later, and waits until no job from that id on is left, at most until nothing happens for a
 * minute. Prints jobs, seconds since T by the database's clock, the CPU time that the server and
 * these processes together used meanwhile, and the statements that others than this program sent.
 */
int drained_command(struct arguments *arguments);
