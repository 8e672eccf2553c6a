#pragma once

#include <stddef.h>
#include <stdint.h>

#include "buffer.h"

/* The ways in which a list of ids can drive a statement. */

/* JSON_TABLE('[[1],[2]]', …) t, with one column: id */
void id_list_append_table(struct buffer *sql, const uint64_t *ids, size_t count);
/* The same with the columns id, lease and attempt, for a fence. */
void id_list_append_fences(struct buffer *sql, const uint64_t *ids, size_t count, uint64_t lease,
                           uint32_t attempt);
/* 1,2,3 */
void id_list_append_values(struct buffer *sql, const uint64_t *ids, size_t count);
