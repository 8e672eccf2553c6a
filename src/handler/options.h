#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config.h"
#include "dueq_handler.h"

/* What an open() sees as `struct dueq_options`: the options of one line in `kinds`, a note of which
 * were asked for, and what was wrong with them. Any thread may use one. */

/* Where the options stand, for messages: "dueq.conf:30: kinds[2].options.url: …". */
struct options_place {
    const char *file; /* the configuration's; the plugin's where no line names the handler */
    unsigned line;    /* of the line in `kinds`; 0: none */
    char path[32];    /* "kinds[2]"; "" where no line names the handler */
    const char *handler;
};

/* Borrows the place's strings and the options. NULL: no memory. */
struct dueq_options *options_new(const struct options_place *place,
                                 const struct config_option *options, size_t count);

/* Frees also what the functions of dueq_host gave out. Takes NULL. */
void options_free(struct dueq_options *options);

/* Call once, when open() has returned. An option that a successful one never asked for is a
 * problem, and so is a failure that gave no reason. Later complaints are dropped; reading goes on
 * until options_free. True if there is no problem, so that the instance may be used. */
bool options_end_open(struct dueq_options *options, bool succeeded);

/* True if open() complained of an option that is not there: it cannot do without configuration. */
bool options_lack_one(const struct dueq_options *options);

/* A problem as it is reported; borrowed from the options. False: there are no more than `index`. */
struct options_problem {
    const char *file;
    unsigned line;
    const char *text;
};
bool options_problem(const struct dueq_options *options, size_t index,
                     struct options_problem *ret_problem);

/* Adds the problems to the report, each an error with its place. */
void options_report(const struct dueq_options *options, struct config_report *report);

/* The functions of struct dueq_host, which says what they do. */
const char *options_string(const struct dueq_options *options, const char *name,
                           const char *fallback);
const char *const *options_list(const struct dueq_options *options, const char *name,
                                size_t *ret_count);
int32_t options_integer(const struct dueq_options *options, const char *name, int64_t minimum,
                        int64_t maximum, int64_t fallback, int64_t *ret);
int32_t options_boolean(const struct dueq_options *options, const char *name, int32_t fallback,
                        int32_t *ret);
int32_t options_duration(const struct dueq_options *options, const char *name, int64_t minimum_us,
                         int64_t maximum_us, int64_t fallback_us, int64_t *ret_us);
void options_error(const struct dueq_options *options, const char *name, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
