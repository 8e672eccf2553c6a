#pragma once

#include "loader.h"

/* Reads a group into the struct of its section: what it says, and defaults for what it does not.
 * Reports keys that are unknown, missing, or stand together and must not. group: NULL where it is
 * not there. */
void section_read(struct loader *loader, const struct section *section, const struct setting *group,
                  void *target);

/* Reads a list of groups into an array; *ret_count is 0 where there is none, and where it is no
 * list, which is reported. list: NULL where it is not there. */
void *section_read_list(struct loader *loader, const struct key *key, const struct setting *list,
                        size_t *ret_count);
