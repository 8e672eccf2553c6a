#pragma once

#include "arguments.h"

/* `bench produce --producers N --jobs N --rows N --bytes N --kind KIND`: inserts jobs that are due
 * now, as fast as so many connections can, `rows` of them in each INSERT, which is a transaction.
 * Prints jobs, begin_us by the database's clock, seconds, and the CPU time of both sides. */
int produce_command(struct arguments *arguments);
