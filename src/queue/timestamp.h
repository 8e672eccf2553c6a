#pragma once

#include <stdint.h>

#include "buffer.h"

/* Appends an instant of the database's clock (microseconds since 1970, in UTC as the daemon's
 * sessions are) as a quoted literal: '2026-11-22 10:11:12.123456'. */
void timestamp_append(struct buffer *sql, int64_t us);

/* Reads what such a session says of a TIMESTAMP(6). 0 for what is no date (0000-00-00), and for
 * NULL. UNIX_TIMESTAMP() would say the same, but costs the server more than the rest of a row's
 * columns together. */
int64_t timestamp_parse(const char *text);
