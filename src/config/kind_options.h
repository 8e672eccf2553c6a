#pragma once

#include "loader.h"

/* A kind's options, flattened into a list of struct config_option as config.h says. */
void kind_options_read(struct loader *loader, const struct key *key, const struct setting *group,
                       void *target);

/* Writes a group in braces that reads back as the same options; those that look like secrets as
 * "***". */
void kind_options_print(const struct config_option *options, size_t count, int depth,
                        struct buffer *out);
