#include "options.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "duration.h"
#include "suggest.h"
#include "thread.h"

enum {
    FOUND_MAX = 80
}; /* of a value that is shown; a path or a number fits, a certificate does not */

struct dueq_options {
    struct options_place place;
    const struct config_option *options;
    size_t count;
    const char *(*singles)[2]; /* for each option: itself as a NULL-terminated list of one */

    struct mutex lock;  /* of all below */
    bool *asked;        /* for each option */
    const char **names; /* each name that was asked for, there or not; the strings are ours */
    size_t name_count;
    struct problem {
        unsigned line;
        char *text;
    } * problems;
    size_t problem_count;
    bool lack_one;
    bool no_memory;
    bool ended;
};

/* The plugin sees them as constant, and they are, but for these notes. */
static struct dueq_options *notes(const struct dueq_options *options)
{
    return (struct dueq_options *) options;
}

struct dueq_options *options_new(const struct options_place *place,
                                 const struct config_option *options, size_t count)
{
    struct dueq_options *new = calloc(1, sizeof *new);
    if (!new)
        return NULL;
    *new = (struct dueq_options){ .place = *place, .options = options, .count = count };
    mutex_init(&new->lock);
    new->singles = calloc(count + 1, sizeof *new->singles);
    new->asked = calloc(count + 1, sizeof *new->asked);
    if (!new->singles || !new->asked) {
        options_free(new);
        return NULL;
    }
    for (size_t i = 0; i < count; i++)
        new->singles[i][0] = options[i].text;
    return new;
}

void options_free(struct dueq_options *options)
{
    if (!options)
        return;
    for (size_t i = 0; i < options->problem_count; i++)
        free(options->problems[i].text);
    for (size_t i = 0; i < options->name_count; i++)
        free((char *) options->names[i]);
    free(options->problems);
    free(options->names);
    free(options->asked);
    free(options->singles);
    mutex_done(&options->lock);
    free(options);
}

/* Lock held. */
static void add_problem_v(struct dueq_options *options, unsigned line, const char *name,
                          const char *format, va_list args)
{
    char text[1024];
    int len = snprintf(text, sizeof text, "%s", options->place.path);
    if (name)
        len += snprintf(text + len, sizeof text - (size_t) len, "%soptions.%.*s", len ? "." : "",
                        FOUND_MAX, name);
    else if (len == 0)
        len = snprintf(text, sizeof text, "handler '%s'", options->place.handler);
    else
        len += snprintf(text + len, sizeof text - (size_t) len, ": handler '%s'",
                        options->place.handler);
    len += snprintf(text + len, sizeof text - (size_t) len, ": ");
    vsnprintf(text + len, sizeof text - (size_t) len, format, args);

    struct problem *problems = realloc(options->problems,
                                       (options->problem_count + 1) * sizeof *problems);
    if (problems)
        options->problems = problems;
    char *copy = problems ? strdup(text) : NULL;
    if (!copy) {
        options->no_memory = true;
        return;
    }
    problems[options->problem_count++] = (struct problem){ line, copy };
}

__attribute__((format(printf, 4, 5))) static void
add_problem(struct dueq_options *options, unsigned line, const char *name, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    add_problem_v(options, line, name, format, args);
    va_end(args);
}

static const struct config_option *find(const struct dueq_options *options, const char *name)
{
    for (size_t i = 0; i < options->count; i++)
        if (strcmp(options->options[i].name, name) == 0)
            return &options->options[i];
    return NULL;
}

/* Lock held. */
static void note_name(struct dueq_options *options, const char *name)
{
    for (size_t i = 0; i < options->name_count; i++)
        if (strcmp(options->names[i], name) == 0)
            return;
    const char **names = realloc(options->names, (options->name_count + 1) * sizeof *names);
    if (names)
        options->names = names;
    char *copy = names ? strdup(name) : NULL;
    if (!copy) {
        options->no_memory = true;
        return;
    }
    names[options->name_count++] = copy;
}

/* The option by that name, noted as asked for; NULL where it is absent. */
static const struct config_option *ask(const struct dueq_options *options, const char *name)
{
    const struct config_option *option = find(options, name);
    struct dueq_options *noted = notes(options);
    mutex_lock(&noted->lock);
    note_name(noted, name);
    if (option)
        noted->asked[option - options->options] = true;
    mutex_unlock(&noted->lock);
    return option;
}

/* `wanted` as "a string"; what was found is the option itself. */
__attribute__((format(printf, 3, 4))) static void complain(const struct dueq_options *options,
                                                           const struct config_option *option,
                                                           const char *wanted, ...)
{
    char text[256];
    va_list args;
    va_start(args, wanted);
    vsnprintf(text, sizeof text, wanted, args);
    va_end(args);

    struct dueq_options *noted = notes(options);
    mutex_lock(&noted->lock);
    if (!noted->ended && option->is_list)
        add_problem(noted, option->line, option->name, "expected %s, found a list", text);
    else if (!noted->ended)
        add_problem(noted, option->line, option->name, "expected %s, found '%.*s'", text, FOUND_MAX,
                    option->text);
    mutex_unlock(&noted->lock);
}

const char *options_string(const struct dueq_options *options, const char *name,
                           const char *fallback)
{
    const struct config_option *option = ask(options, name);
    if (!option)
        return fallback;
    if (option->is_list) {
        complain(options, option, "a string");
        return fallback;
    }
    return option->text;
}

const char *const *options_list(const struct dueq_options *options, const char *name,
                                size_t *ret_count)
{
    const struct config_option *option = ask(options, name);
    if (ret_count)
        *ret_count = !option ? 0 : option->is_list ? option->item_count : 1;
    if (!option)
        return NULL;
    return option->is_list ? option->items : options->singles[option - options->options];
}

static bool parse_integer(const char *text, int64_t *ret)
{
    if (text[strspn(text, "-0123456789")] != '\0') /* strtoll would also take blanks and a plus */
        return false;
    char *end;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    if (errno || end == text || *end)
        return false;
    *ret = value;
    return true;
}

int32_t options_integer(const struct dueq_options *options, const char *name, int64_t minimum,
                        int64_t maximum, int64_t fallback, int64_t *ret)
{
    const struct config_option *option = ask(options, name);
    int64_t value = fallback;
    if (option && (option->is_list || !parse_integer(option->text, &value) || value < minimum ||
                   value > maximum)) {
        complain(options, option, "an integer from %lld to %lld", (long long) minimum,
                 (long long) maximum);
        return -1;
    }
    *ret = value;
    return 0;
}

int32_t options_boolean(const struct dueq_options *options, const char *name, int32_t fallback,
                        int32_t *ret)
{
    const struct config_option *option = ask(options, name);
    int32_t value = fallback;
    if (option) {
        bool is_true = !option->is_list && strcmp(option->text, "true") == 0;
        if (!is_true && (option->is_list || strcmp(option->text, "false") != 0)) {
            complain(options, option, "true or false");
            return -1;
        }
        value = is_true;
    }
    *ret = value;
    return 0;
}

int32_t options_duration(const struct dueq_options *options, const char *name, int64_t minimum_us,
                         int64_t maximum_us, int64_t fallback_us, int64_t *ret_us)
{
    const struct config_option *option = ask(options, name);
    int64_t value_us = fallback_us;
    if (option && (option->is_list || duration_parse(option->text, &value_us) < 0 ||
                   value_us < minimum_us || value_us > maximum_us)) {
        char minimum[DURATION_TEXT_SIZE], maximum[DURATION_TEXT_SIZE];
        duration_format(minimum_us < 0 ? 0 : minimum_us, minimum);
        if (maximum_us == INT64_MAX)
            complain(options, option, "a duration of at least %s, as \"1m30s\"", minimum);
        else
            complain(options, option, "a duration from %s to %s", minimum,
                     duration_format(maximum_us < 0 ? 0 : maximum_us, maximum));
        return -1;
    }
    *ret_us = value_us;
    return 0;
}

void options_error(const struct dueq_options *options, const char *name, const char *format, ...)
{
    const struct config_option *option = name ? find(options, name) : NULL;
    struct dueq_options *noted = notes(options);
    va_list args;
    va_start(args, format);
    mutex_lock(&noted->lock);
    if (!noted->ended) {
        add_problem_v(noted, option ? option->line : noted->place.line, name, format, args);
        if (name && !option)
            noted->lack_one = true;
    }
    mutex_unlock(&noted->lock);
    va_end(args);
}

/* Lock held. The words for an option that open() never asked for. */
static void add_unknown(struct dueq_options *options, const struct config_option *option)
{
    /* A group stands here as "headers.accept": where the handler wants a plain "headers", say so.
     */
    const char *dot = strchr(option->name, '.');
    for (size_t i = 0; dot && i < options->name_count; i++) {
        const char *name = options->names[i];
        if (strlen(name) == (size_t) (dot - option->name) &&
            strncmp(name, option->name, strlen(name)) == 0) {
            add_problem(options, option->line, option->name,
                        "'%s' is an option of handler '%s', but no group", name,
                        options->place.handler);
            return;
        }
    }
    const char *near = suggest_name(option->name, options->names, options->name_count);
    add_problem(options, option->line, option->name, "handler '%s' has no such option%s%s%s",
                options->place.handler, near ? "; did you mean '" : "", near ? near : "",
                near ? "'?" : "");
}

bool options_end_open(struct dueq_options *options, bool succeeded)
{
    mutex_lock(&options->lock);
    for (size_t i = 0; succeeded && i < options->count; i++)
        if (!options->asked[i])
            add_unknown(options, &options->options[i]);
    if (!succeeded && options->problem_count == 0)
        add_problem(options, options->place.line, NULL, "open() failed and gave no reason");
    options->ended = true;
    bool usable = succeeded && options->problem_count == 0 && !options->no_memory;
    mutex_unlock(&options->lock);
    return usable;
}

bool options_lack_one(const struct dueq_options *options)
{
    struct dueq_options *noted = notes(options);
    mutex_lock(&noted->lock);
    bool lack_one = noted->lack_one;
    mutex_unlock(&noted->lock);
    return lack_one;
}

bool options_problem(const struct dueq_options *options, size_t index,
                     struct options_problem *ret_problem)
{
    static const char no_memory[] = "out of memory";
    struct dueq_options *noted = notes(options);
    mutex_lock(&noted->lock);
    bool listed = index < noted->problem_count;
    bool there = listed || (noted->no_memory && index == noted->problem_count);
    if (there)
        *ret_problem = (struct options_problem){
            .file = noted->place.file,
            .line = listed ? noted->problems[index].line : noted->place.line,
            .text = listed ? noted->problems[index].text : no_memory,
        };
    mutex_unlock(&noted->lock);
    return there;
}

void options_report(const struct dueq_options *options, struct config_report *report)
{
    struct options_problem problem;
    for (size_t i = 0; options_problem(options, i, &problem); i++)
        config_report_add(report, false, problem.file, problem.line, "%s", problem.text);
}
