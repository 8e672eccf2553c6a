#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "buffer.h"

/* What goes to a person's terminal. Whatever stands in a row was written by a stranger: before it
 * is shown, every byte that could move the cursor, change a colour, turn the direction of writing
 * or forge a line is spelled out (\x1b, \n, \u202e). */

/* Appends the text so that it stays on its line. */
void output_escape(struct buffer *out, const char *text, size_t len);

/* The same, but a line of the text stays a line, each of them behind `indent`. */
void output_escape_lines(struct buffer *out, const char *indent, const char *text, size_t len);

/* How many columns of a terminal the escaped text takes. */
size_t output_width(const char *escaped);

/* Cuts escaped text to that width, with "…" for what is gone. */
void output_cut(struct buffer *escaped, size_t width);

/* To stdout, as it is. */
void output_write(const struct buffer *text);

/* "dueq: …" as a line on stderr; what the format's values bring with them is escaped. */
void output_error(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* On a terminal that is not told otherwise (NO_COLOR) these are escape sequences, else "". */
const char *output_red(void);
const char *output_yellow(void);
const char *output_bold(void);
const char *output_plain(void);
