#pragma once

#include <stddef.h>

/* How many of the bytes at `text` are the well-formed UTF-8 character it begins with (RFC 3629: no
 * surrogates, no overlong forms), or 0 where it begins with none. */
size_t utf8_character(const char *text, size_t len);

/* Makes `text` valid UTF-8 of at most size - 1 bytes in `out`, with a NUL behind it: a byte that
 * belongs to no character becomes U+FFFD, a NUL becomes a space, and what does not fit is cut
 * between two characters. Returns the length. */
size_t utf8_scrub(const char *text, size_t len, char *out, size_t size);
