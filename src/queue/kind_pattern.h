#pragma once

#include "connection.h"

/* Appends " AND <column> …" for a pattern of kinds: an exact one, a prefix that ends in ".*", or
 * "*" or NULL for all, where nothing is appended. */
void kind_pattern_append(struct db *db, struct buffer *sql, const char *column,
                         const char *pattern);
