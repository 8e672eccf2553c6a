#pragma once

#include "buffer.h"

/* The part of dueq.conf(5) that follows from the table of keys, and from that of the built-in retry
 * policies. */
void manual_append(struct buffer *out);
