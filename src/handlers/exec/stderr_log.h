#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "dueq_handler.h"

/* What a long-lived child writes to stderr, as lines of dueqd's log at level info: cut at a length,
 * and no more than some a second, so that a child in a loop cannot fill the disk. One thread at a
 * time. Zero-initialise it. */
struct stderr_log {
    char line[1000]; /* without its newline, as far as it has come */
    size_t len;
    bool too_long;     /* what is past the end of `line` is dropped up to the newline */
    int64_t second_us; /* when the second began that the two below count in */
    unsigned logged;
    unsigned dropped;
};

enum { STDERR_LOG_LINES = 20 }; /* a second and child: a stack trace fits */

void stderr_log_add(struct stderr_log *log, const struct dueq_host *host, pid_t pid,
                    const char *bytes, size_t len, int64_t now_us);

/* The child has ended: logs what is left and makes it ready for the next one. */
void stderr_log_end(struct stderr_log *log, const struct dueq_host *host, pid_t pid);
