#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The options of a command, as a table: what reads them is also what explains them. */

enum argument_kind {
    ARGUMENT_FLAG,     /* bool */
    ARGUMENT_TEXT,     /* const char *: valid UTF-8 */
    ARGUMENT_NAME,     /* const char *: a queue, kind or policy: 1 to 64 ASCII characters */
    ARGUMENT_NUMBER,   /* int64_t, minimum … maximum */
    ARGUMENT_DURATION, /* int64_t, microseconds */
};

struct argument {
    const char *name; /* without its dashes */
    char letter;      /* 0: none */
    enum argument_kind kind;
    void *target;      /* left as it is where the option is not given */
    const char *value; /* what the help calls its value; NULL for a flag */
    const char *help;
    int64_t minimum, maximum; /* ARGUMENT_NUMBER */
};

/* Reads the options of the tables out of argv[1 …] and moves what remains to argv[1 …] as well.
 * `stop_at_first`: the first word that is no option ends the options.
 *
 * False, with words on stderr, when one is unknown or its value is wrong. */
bool arguments_parse(const struct argument *const *tables, const size_t *counts, size_t table_count,
                     bool stop_at_first, int *argc, char **argv);

/* The table as lines for a help text, on stdout. */
void arguments_print(const struct argument *table, size_t count);

/* A positive whole number that fits an id; false where the text is none. */
bool argument_id(const char *text, uint64_t *ret_id);

/* What a queue, a kind or a policy may be called. */
bool argument_is_name(const char *text);
bool argument_is_utf8(const char *text);
