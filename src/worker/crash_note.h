#pragma once

#include <stdbool.h>

#include "ledger_file.h"

/* Where the end of the process is noted from now on; borrowed. */
void crash_note_in(struct ledger_crash *crash);

/* A fault_hook: marks the entry of the thread that brought the signal about, and writes what it ran
 * to standard error. */
void crash_note(void *entry, int number, bool own);
