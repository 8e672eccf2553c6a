#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buffer.h"

/* What a configuration file says, as a tree: made by load.c from the parser's own, so that nothing
 * else has to know the parser. All of it lives in the loader's arena. */

enum setting_type {
    SETTING_GROUP,
    SETTING_LIST, /* (…) and […] */
    SETTING_STRING,
    SETTING_INTEGER,
    SETTING_REAL,
    SETTING_BOOLEAN,
};

struct setting {
    enum setting_type type;
    const char *name;             /* NULL: the root, or in a list */
    const struct setting *parent; /* NULL: the root */
    size_t index;                 /* among its parent's children */
    unsigned line;                /* of the scanned text; see scan_place */
    union {
        const char *text;
        int64_t integer;
        double real;
        bool boolean;
        struct {
            struct setting *children;
            size_t count;
        };
    };
};

/* NULL where the group has no such member. */
const struct setting *setting_member(const struct setting *group, const char *name);

/* "queues[0].threads"; nothing for the root. */
void setting_path(const struct setting *setting, struct buffer *text);

/* "the string "8"", "a group"; a long string is cut. */
void setting_describe(const struct setting *setting, struct buffer *text);

/* Likewise without the value, for secrets: "a string". */
const char *setting_type_text(const struct setting *setting);

/* A value for people, in quotes: control characters and broken UTF-8 are replaced, a long one is
 * cut. */
void setting_show(const char *value, struct buffer *text);
