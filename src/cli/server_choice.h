#pragma once

#include "config.h"
#include "connection.h"

/* Connects to the first of the source's hosts that takes writes, or, where none does, to the first
 * that answers. Host and port of *options become those that were tried last; all else is as it
 * says. */
enum db_status server_choice_open(const struct config_source *source, struct db_options *options,
                                  struct db **ret_db, struct error *error)
    __attribute__((warn_unused_result));
