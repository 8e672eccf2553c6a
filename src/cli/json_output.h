#pragma once

#include <jansson.h>
#include <stdint.h>

#include "row_text.h"

/* JSON for programs: one document on stdout, ASCII only, so that it is as harmless on a terminal as
 * the tables are. */

/* Text of a row: null for NULL, and U+FFFD for bytes that are no UTF-8. Gives a new reference;
 * NULL: no memory. */
json_t *json_row_text(struct row_text text);

/* Text that is JSON itself, as the value it is, or as a string where it is not. */
json_t *json_row_json(struct row_text text);

/* RFC 3339, or null for 0. */
json_t *json_time(int64_t us);

/* Seconds, with their fraction; null for what is negative. */
json_t *json_seconds(int64_t us);

/* A number, or null for 0: "as configured", "nobody". */
json_t *json_nonzero(uint64_t value);

/* Writes the document and drops the reference. `document` NULL: there was no memory for it. The
 * exit status: 0, or EX_OSERR. */
int json_print(json_t *document);
