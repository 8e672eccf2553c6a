#pragma once

#include "config.h"
#include "connection.h"

/* How to connect to a configured source, to the first of its hosts. Everything in *ret_options is
 * borrowed from `source`. */
void db_options_from(const struct config_source *source, struct db_options *ret_options);
