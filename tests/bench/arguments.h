#pragma once

#include <stdbool.h>

/* The options of one command: `--name value` and `--flag`, in any order. Each one that exists is
 * asked for once; what was never asked for is an error that ends the program. */
struct arguments {
    int count;
    char **words;
    bool *used;
};

/* borrows the words, which outlive it */
void arguments_init(struct arguments *arguments, int count, char **words);
long arguments_number(struct arguments *arguments, const char *name, long fallback);
const char *arguments_text(struct arguments *arguments, const char *name, const char *fallback);
bool arguments_flag(struct arguments *arguments, const char *name);
/* Frees it, and ends the program with status 64 where a word is left over. */
void arguments_done(struct arguments *arguments);
