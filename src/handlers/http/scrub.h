#pragma once

#include <stddef.h>

/* Text from outside, made fit for an operator's terminal and log. Pure. */

/* Copies to `out`, NUL-terminated and cut at size - 1 bytes: each run of control characters (C0,
 * DEL, the C1 set in UTF-8) and spaces becomes one space, none at either end. What is not UTF-8 is
 * left for dueqd to replace. `out` may not overlap `bytes`. Returns the length. */
size_t scrub_text(const char *bytes, size_t len, char *out, size_t size);

/* Takes "user:password@" out of a URL, in place. */
void scrub_userinfo(char *url);
