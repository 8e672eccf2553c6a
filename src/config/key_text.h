#pragma once

#include "buffer.h"
#include "keys.h"

/* The words for a key: in errors, in the sample file, in the manual and in what config_print
 * writes. */

/* "an integer from 1 to 64" */
void key_expected(const struct key *key, struct buffer *text);

/* What holds where the key is not there: "required", "default 2", "without it: the queue's";
 * nothing where there is nothing to say. */
void key_absence(const struct key *key, struct buffer *text);

/* A string in quotes, as it stands in a file and reads back the same. */
void key_quote(const char *value, struct buffer *text);

/* A default_text or a sample as it stands in a file: with quotes where its type has them. */
void key_value(const struct key *key, const char *value, struct buffer *text);

/* Both as a sentence: "An integer from 1 to 64; default 2." */
void key_about(const struct key *key, struct buffer *text);
