#pragma once

#include <limits.h>
#include <stddef.h>

/* Finds what a command's first word means, at the moment it is asked: a program that an operator
 * installs while jobs wait for it is found by the next one. */

/* The file to execute: `name` itself where it is a path, else the first executable of that name in
 * the absolute directories of `path` (others are passed over, so that a working directory never
 * decides what is run). 0, -ENOENT, -EACCES (there, but not executable for us), -ENAMETOOLONG. */
int program_find(const char *name, const char *path, char ret_file[PATH_MAX])
    __attribute__((warn_unused_result));

/* What to tell an operator when starting it failed with `error` (positive). */
void program_explain(int error, const char *name, const char *path, const char *directory,
                     char *out, size_t size);
