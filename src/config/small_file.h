#pragma once

#include <stdbool.h>
#include <stddef.h>

/* A file that is read whole: a configuration file, or one with a password. */
struct small_file {
    char *bytes; /* followed by a NUL that len does not count */
    size_t len;
    bool group_can_read, others_can_read;
};

/* 0; -EFBIG: longer than `limit`; -EISDIR, -ENOENT, -EACCES, … A pipe is read to its end. */
int small_file_read(const char *path, size_t limit, struct small_file *ret_file)
    __attribute__((warn_unused_result));

/* Overwrites the bytes, since a password may be among them, and frees them. */
void small_file_done(struct small_file *file);
