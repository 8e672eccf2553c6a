#pragma once

#include "dueq_handler.h"

/* A file that gets a line "message_id attempt pid" for each run: what tests count runs by, whatever
 * the database says. Any number of threads and processes may append to one. */

/* Opens the file that the option `name` gives. 0, or -1 when dueqd has been told what is wrong.
 * *ret_fd: -1 where the option is absent. */
int journal_open(const struct dueq_host *host, const struct dueq_options *options, const char *name,
                 int *ret_fd);

void journal_close(int fd);

/* Nothing for fd -1. 0 or a negative errno. */
int journal_write(int fd, const struct dueq_job *job);
