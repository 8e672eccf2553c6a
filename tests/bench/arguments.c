#include "arguments.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static _Noreturn void wrong(const char *word, const char *why)
{
    fprintf(stderr, "bench: %s: %s\n", word, why);
    exit(64);
}

void arguments_init(struct arguments *arguments, int count, char **words)
{
    *arguments = (struct arguments){ .count = count, .words = words };
    arguments->used = calloc((size_t) count + 1, sizeof *arguments->used);
    if (!arguments->used)
        abort();
}

/* The place of the word, marked as used; -1: not there. */
static int find(struct arguments *arguments, const char *name)
{
    for (int i = 0; i < arguments->count; i++)
        if (!arguments->used[i] && strcmp(arguments->words[i], name) == 0) {
            arguments->used[i] = true;
            return i;
        }
    return -1;
}

const char *arguments_text(struct arguments *arguments, const char *name, const char *fallback)
{
    int place = find(arguments, name);
    if (place < 0)
        return fallback;
    if (place + 1 >= arguments->count)
        wrong(name, "its value is missing");
    arguments->used[place + 1] = true;
    return arguments->words[place + 1];
}

long arguments_number(struct arguments *arguments, const char *name, long fallback)
{
    const char *text = arguments_text(arguments, name, NULL);
    char *end;
    if (!text)
        return fallback;
    long value = strtol(text, &end, 10);
    if (*end || end == text || value < 0)
        wrong(text, "no number");
    return value;
}

bool arguments_flag(struct arguments *arguments, const char *name)
{
    return find(arguments, name) >= 0;
}

void arguments_done(struct arguments *arguments)
{
    for (int i = 0; i < arguments->count; i++)
        if (!arguments->used[i])
            wrong(arguments->words[i], "not known here");
    free(arguments->used);
    arguments->used = NULL;
}
