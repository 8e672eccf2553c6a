#pragma once

#include <stddef.h>

struct dueq_job;

/* The environment of a program: nothing of the daemon's but PATH, LANG, HOME and TZ, so that
 * neither its secrets nor an accident of how it was started reach a handler. Lists are
 * NULL-terminated, as execve takes them. */

/* What is the same for every job: the four, replaced and followed by `entries` ("NAME=value"). PATH
 * is always there. NULL: no memory. */
char **environment_base(const char *const *entries, size_t count);

/* `base`, and the DUEQ_* variables of the job. NULL: no memory. */
char **environment_for_job(char *const *base, const struct dueq_job *job);

/* Takes NULL. */
void environment_free(char **environment);

/* The value of a name, or NULL. Borrowed from the list. */
const char *environment_find(char *const *environment, const char *name);

/* NULL, or what is wrong with an entry that an operator wrote. */
const char *environment_entry_problem(const char *entry);
