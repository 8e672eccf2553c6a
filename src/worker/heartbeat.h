#pragma once

#include "buffer.h"

struct source;

/* What dueq_worker.status says, as JSON: state, per queue threads and jobs in hand, kinds without a
 * handler, counters since the start. The jobs in hand are the pools', which the sources of a daemon
 * share. */
void heartbeat_append_status(struct source *source, struct buffer *json);
