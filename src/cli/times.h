#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Times and ages as people and programs read them. All times are UTC, as in the database. */

enum { TIMES_TEXT_SIZE = 40 };

/* "2026-11-22 19:01:02Z", without fractions of a second; "-" for 0. Returns `text`. */
char *times_for_people(int64_t us, char text[TIMES_TEXT_SIZE]);

/* RFC 3339: "2026-11-22T19:01:02.123456Z". Returns `text`. */
char *times_for_programs(int64_t us, char text[TIMES_TEXT_SIZE]);

/* "350ms", "12s", "5m30s", "3h05m", "12d4h": to two units. us >= 0. Returns `text`. */
char *times_age(int64_t us, char text[TIMES_TEXT_SIZE]);

/* When something is, seen from now: "in 5m30s", "12s ago", "now"; "-" for at_us = 0. */
char *times_relative(int64_t at_us, int64_t now_us, char text[TIMES_TEXT_SIZE]);

/* "2026-11-22 19:01", "2026-11-22T19:01:02.5+08:00", "2026-11-22T19:01:02Z": UTC where no offset is
 * given. False where it is no such time, or one before 1970 or past the end of TIMESTAMP. */
bool times_parse(const char *text, int64_t *ret_us);
