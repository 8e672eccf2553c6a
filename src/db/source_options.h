#pragma once

#include "config.h"
#include "connection.h"

/* How to connect to a configured source. Everything in *ret_options is borrowed from `source`. */
void db_options_from(const struct config_source *source, struct db_options *ret_options);
