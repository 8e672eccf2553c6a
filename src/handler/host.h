#pragma once

#include "dueq_handler.h"
#include "registry.h"

/* The table that one instance sees: the callbacks passed through, options and log from this layer.
 * The strings are borrowed as long as the table is used. */
void host_init(struct dueq_host *host, const char *handler, const char *kind,
               const struct handler_callbacks *callbacks);
