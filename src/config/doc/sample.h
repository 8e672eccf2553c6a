#pragma once

#include "buffer.h"

/* The sample file with every key: conf/dueq.conf. */
void sample_append(struct buffer *out);
