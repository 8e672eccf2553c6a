#pragma once

#include <stddef.h>

/* The key of the signatures, as bytes. Zero-initialise it; len 0: none. */
struct secret {
    char *bytes;
    size_t len;
};

enum { SECRET_MAX = 4096 };

/* Overwrites it before it frees it. */
void secret_done(struct secret *secret);

/* 0, or -ENOMEM. */
int secret_copy(const char *text, struct secret *ret_secret) __attribute__((warn_unused_result));

/* Reads a file; one line end at its end is not part of the secret. A relative path is taken from
 * $CREDENTIALS_DIRECTORY where systemd set it, else from the working directory.
 * 0, or a negative errno: -EINVAL for an empty file, -E2BIG for more than SECRET_MAX bytes. */
int secret_read(const char *path, struct secret *ret_secret) __attribute__((warn_unused_result));
