#pragma once

#include <stdint.h>
#include <stddef.h>

/* The three forms of an HTTP date (RFC 9110, 5.6.7), read with tolerance: the name of the day may
 * be missing or wrong, case and spaces do not matter, and the zone is GMT, UTC, +0000 or none.
 *
 *     Sun, 06 Nov 1994 08:49:37 GMT
 *     Sunday, 06-Nov-94 08:49:37 GMT
 *     Sun Nov  6 08:49:37 1994
 *
 * now_s: for a year of two digits, which is taken to be at most 50 years ahead of it.
 * Returns 0 with seconds since 1970 (never negative), or -EINVAL. Pure; any bytes are fine. */
int http_date_parse(const char *text, size_t len, int64_t now_s, int64_t *ret_s)
    __attribute__((warn_unused_result));
