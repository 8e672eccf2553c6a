#pragma once

#include <stddef.h>
#include <stdint.h>

/* How long a Retry-After header asks to wait, in microseconds, or -1 where it asks for nothing: no
 * header (value_len 0), one that cannot be read, or one that says 0 or a time that is past. The
 * last two mean "whenever you like", and that is for the retry policy to say: taken by the letter
 * they would burn every attempt within a moment.
 *
 *     120              seconds, also "120.5"
 *     an HTTP date     relative to the response's own Date where it has one, so that neither clock
 * must be right
 *
 * now_s: seconds since 1970 by this host's clock, used without a Date. At most RETRY_AFTER_MAX_US.
 * Pure; any bytes are fine. */
int64_t retry_after_us(const char *value, size_t value_len, const char *date, size_t date_len,
                       int64_t now_s);

/* A year: beyond every retry policy, which has the last word, and far from any overflow. */
#define RETRY_AFTER_MAX_US (INT64_C(365) * 86400 * 1000000)
