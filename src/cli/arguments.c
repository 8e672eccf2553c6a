#include "arguments.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "duration.h"
#include "output.h"
#include "suggest.h"
#include "utf8.h"

enum {
    NAME_MAX_LEN = 64, /* of the columns queue, kind and retry */
    MAX_OPTIONS = 64,
};

/* The tables that are in force, as one. */
struct tables {
    const struct argument *const *tables;
    const size_t *counts;
    size_t count;
};

bool argument_is_name(const char *text)
{
    size_t len = strlen(text);
    for (size_t i = 0; i < len; i++)
        if ((unsigned char) text[i] <= ' ' || (unsigned char) text[i] >= 0x7f)
            return false;
    return len >= 1 && len <= NAME_MAX_LEN;
}

bool argument_is_utf8(const char *text)
{
    size_t len = strlen(text);
    for (size_t i = 0, taken; i < len; i += taken) {
        taken = utf8_character(text + i, len - i);
        if (taken == 0)
            return false;
    }
    return true;
}

static bool parse_number(const char *text, int64_t *ret_number)
{
    char *end;
    errno = 0;
    long long number = strtoll(text, &end, 10);
    if (errno || end == text || *end || text[0] == ' ' || text[0] == '+')
        return false;
    *ret_number = number;
    return true;
}

bool argument_id(const char *text, uint64_t *ret_id)
{
    char *end;
    errno = 0;
    unsigned long long id = strtoull(text, &end, 10);
    if (errno || end == text || *end || text[0] < '0' || text[0] > '9' || id == 0)
        return false;
    *ret_id = id;
    return true;
}

static bool take_value(const struct argument *argument, const char *value)
{
    int64_t number;

    switch (argument->kind) {
    case ARGUMENT_FLAG:
        *(bool *) argument->target = true;
        return true;
    case ARGUMENT_TEXT:
        if (!argument_is_utf8(value)) {
            output_error("--%s: the value is not valid UTF-8", argument->name);
            return false;
        }
        *(const char **) argument->target = value;
        return true;
    case ARGUMENT_NAME:
        if (!argument_is_name(value)) {
            output_error("--%s: expected 1 to %d ASCII characters without spaces, found \"%s\"",
                         argument->name, NAME_MAX_LEN, value);
            return false;
        }
        *(const char **) argument->target = value;
        return true;
    case ARGUMENT_NUMBER:
        if (!parse_number(value, &number) || number < argument->minimum ||
            number > argument->maximum) {
            if (argument->maximum == INT64_MAX)
                output_error("--%s: expected a whole number from %lld, found \"%s\"",
                             argument->name, (long long) argument->minimum, value);
            else
                output_error("--%s: expected a whole number from %lld to %lld, found \"%s\"",
                             argument->name, (long long) argument->minimum,
                             (long long) argument->maximum, value);
            return false;
        }
        *(int64_t *) argument->target = number;
        return true;
    case ARGUMENT_DURATION:
        if (duration_parse(value, &number) < 0) {
            output_error("--%s: expected a duration such as 30s, 5m or 1h30m, found \"%s\"",
                         argument->name, value);
            return false;
        }
        *(int64_t *) argument->target = number;
        return true;
    }
    return false;
}

static const struct argument *find_long(const struct tables *all, const char *name, size_t len)
{
    for (size_t t = 0; t < all->count; t++)
        for (size_t i = 0; i < all->counts[t]; i++) {
            const struct argument *argument = &all->tables[t][i];
            if (strlen(argument->name) == len && memcmp(argument->name, name, len) == 0)
                return argument;
        }
    return NULL;
}

static const struct argument *find_letter(const struct tables *all, char letter)
{
    for (size_t t = 0; t < all->count; t++)
        for (size_t i = 0; i < all->counts[t]; i++)
            if (all->tables[t][i].letter == letter)
                return &all->tables[t][i];
    return NULL;
}

static void complain_unknown(const struct tables *all, const char *word)
{
    const char *names[MAX_OPTIONS];
    size_t count = 0;
    for (size_t t = 0; t < all->count; t++)
        for (size_t i = 0; i < all->counts[t] && count < MAX_OPTIONS; i++)
            names[count++] = all->tables[t][i].name;
    const char *near = word[1] == '-' ? suggest_name(word + 2, names, count) : NULL;
    if (near)
        output_error("there is no option %s; did you mean --%s?", word, near);
    else
        output_error("there is no option %s; try --help", word);
}

/* One option, whose value may be the next word. Returns the number of words taken, 0 for an error.
 */
static int parse_option(const struct tables *all, const char *word, const char *next)
{
    const struct argument *argument;
    const char *value = NULL;

    if (word[1] == '-') {
        size_t len = strcspn(word + 2, "=");
        argument = find_long(all, word + 2, len);
        if (word[2 + len] == '=')
            value = word + 2 + len + 1;
    } else {
        argument = find_letter(all, word[1]);
        if (word[2])
            value = word + 2;
    }
    if (!argument) {
        complain_unknown(all, word);
        return 0;
    }
    if (argument->kind == ARGUMENT_FLAG) {
        if (value) {
            output_error("--%s takes no value", argument->name);
            return 0;
        }
        return take_value(argument, "") ? 1 : 0;
    }
    if (!value && !next) {
        output_error("--%s wants a value: %s", argument->name, argument->value);
        return 0;
    }
    if (!take_value(argument, value ? value : next))
        return 0;
    return value ? 1 : 2;
}

bool arguments_parse(const struct argument *const *tables, const size_t *counts, size_t table_count,
                     bool stop_at_first, int *argc, char **argv)
{
    const struct tables all = { tables, counts, table_count };
    int kept = 1, i = 1;

    while (i < *argc) {
        if (strcmp(argv[i], "--") == 0) {
            i++;
            break;
        }
        if (argv[i][0] != '-' || argv[i][1] == '\0') { /* a lone "-" stands for standard input */
            if (stop_at_first)
                break;
            argv[kept++] = argv[i++];
            continue;
        }
        int taken = parse_option(&all, argv[i], i + 1 < *argc ? argv[i + 1] : NULL);
        if (taken == 0)
            return false;
        i += taken;
    }
    while (i < *argc)
        argv[kept++] = argv[i++];
    *argc = kept;
    return true;
}

void arguments_print(const struct argument *table, size_t count)
{
    enum { HELP_COLUMN = 28 };
    for (size_t i = 0; i < count; i++) {
        char left[96];
        int len = table[i].letter
                      ? snprintf(left, sizeof left, "  -%c, --%s", table[i].letter, table[i].name)
                      : snprintf(left, sizeof left, "      --%s", table[i].name);
        if (table[i].value)
            len += snprintf(left + len, sizeof left - (size_t) len, " %s", table[i].value);
        if (len >= HELP_COLUMN)
            printf("%s\n%*s%s\n", left, HELP_COLUMN, "", table[i].help);
        else
            printf("%-*s%s\n", HELP_COLUMN, left, table[i].help);
    }
}
