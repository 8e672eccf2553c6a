#pragma once

#include <stddef.h>
#include <stdint.h>

/* "250ms", "30s", "1h30m", "2d": one or more pairs of a whole number and a unit (us ms s m h d), in
 * any order, nothing between them. "0" alone needs no unit. */

enum { DURATION_TEXT_SIZE = 32 };

/* 0, or -EINVAL (not of that form) or -ERANGE (more than INT64_MAX microseconds). */
int duration_parse(const char *text, int64_t *ret_us) __attribute__((warn_unused_result));

/* A text that duration_parse reads back as the same value, largest units first: "1h30m"; us >= 0.
 * Returns `text`. */
char *duration_format(int64_t us, char text[DURATION_TEXT_SIZE]);
