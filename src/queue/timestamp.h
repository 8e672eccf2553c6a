#pragma once

#include <stdint.h>

#include "buffer.h"

/* Appends an instant of the database's clock (microseconds since 1970, in UTC as the daemon's
 * sessions are) as a quoted literal: '2026-11-22 10:11:12.123456'. */
void timestamp_append(struct buffer *sql, int64_t us);
