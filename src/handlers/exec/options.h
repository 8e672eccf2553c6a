#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dueq_handler.h"

/* What `options = { … }` of an exec handler says, checked. docs/exec.md is the manual. */
struct exec_options {
    const char *const *command; /* program and arguments, NULL-terminated; borrowed from dueqd */
    const char *directory;      /* working directory, or NULL: dueqd's own; borrowed */
    char **environment;         /* what every program gets; owned */
    const char *path;           /* PATH in it */
    int64_t kill_after_us;      /* between SIGTERM and SIGKILL */
    size_t stderr_tail;         /* bytes of stderr that a message quotes */

    bool lines; /* long-lived children; the rest is for them only */
    size_t children;
    uint64_t max_jobs; /* 0: no limit */
    int64_t restart_delay_us;
};

/* 0, or -1 after the problem was reported through host->option_error. */
int exec_options_read(struct exec_options *ret_options, const struct dueq_host *host,
                      const struct dueq_options *given);
void exec_options_done(struct exec_options *options);
