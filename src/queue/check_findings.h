#pragma once

#include <stddef.h>

/* What a check of a server found, a line each, for `dueq check` and for the daemon's start. */

enum check_level {
    CHECK_OK,
    CHECK_WARNING, /* it works, but not as well as it should */
    CHECK_FAILURE, /* jobs cannot be run, or not safely */
};

struct check_finding {
    const char *name; /* a word of its own for each check, the same in every run; static */
    enum check_level level;
    char text[512]; /* what was found, and what to do where it is not ok */
};

/* Findings as they are gathered, in the order in which they are to be read. */
struct check_findings {
    struct check_finding *items;
    size_t max;
    size_t count;
};

/* name: a literal. One that there is no room for is dropped: the caller's array is too small. */
void check_findings_add(struct check_findings *findings, const char *name, enum check_level level,
                        const char *format, ...) __attribute__((format(printf, 4, 5)));

const char *check_level_name(enum check_level level); /* "ok", "warning", "failure" */
