#pragma once

#include <stddef.h>
#include <stdint.h>

/* What the end of a program means for its job, after <sysexits.h>. `status` is waitpid's, or
 * EXIT_STATUS_LOST where somebody else in the process has collected it. The table stands in
 * docs/exec.md. */

enum { EXIT_STATUS_LOST = -1 };

/* An enum dueq_outcome: DONE, RETRY or DEAD. */
int32_t exit_status_outcome(int status);

/* "exit status 65 (EX_DATAERR)", "killed by signal 9 (SIGKILL)". Returns `out`. */
char *exit_status_describe(int status, char *out, size_t size);
