#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "scan.h"

/* One token of a configuration file after the other, for scan.c. */

/* A mistyped path should neither fill the memory nor take minutes. */
enum {
    SCAN_TEXT_MAX = 4 << 20, /* bytes of all files together */
    SCAN_DEPTH_MAX = 32,     /* brackets within brackets */
    SCAN_INCLUDES_MAX = 10,  /* files within files */
    SCAN_ERRORS_MAX = 100,   /* then it is no configuration file at all */
    SCAN_NAME_MAX = 128,     /* bytes of a key; an option may be the name of an HTTP header */
    SCAN_STRING_MAX = 65536, /* bytes of a string; the parser takes it in in steps of 64 */
    SCAN_MEMBERS_MAX = 4096, /* keys in the open groups; the parser compares each with all others */
};

/* What a bracket opened; the first one is the file itself. */
struct scope {
    char closer; /* '\0': the file itself */
    unsigned line;
    const char *opened_by; /* the key whose value it is; NULL: it is in a list */
    const char *key;       /* the last one in it, or NULL */
    unsigned index;        /* commas in it: in a list, the element */
    size_t first_name;     /* from here on scanner.names are its own */
};

struct scanned_name {
    const char *text; /* in scan->arena */
    unsigned line;
};

struct scanner {
    struct scan *scan;
    struct config_report *report;
    unsigned line; /* of the text that is being made */
    struct scope scopes[SCAN_DEPTH_MAX];
    size_t depth;                                /* scopes[depth] is the innermost */
    struct scanned_name names[SCAN_MEMBERS_MAX]; /* outermost group first */
    size_t name_count;
    const char *files[SCAN_INCLUDES_MAX]; /* those that are open, outermost first */
    size_t file_count;
    unsigned error_count;
    int failed; /* a negative errno: nothing more is read */
};

/* What is left of a file. */
struct input {
    const char *at, *end; /* a NUL stands at the end */
    const char *file;
    bool line_begins; /* only blanks since the last newline */
};

/* Moves `in` behind one token, with what the parser is to see of it put to the text. */
void scanner_step(struct scanner *s, struct input *in);

void scanner_put(struct scanner *s, const char *bytes, size_t len);

/* Reports an error with the path of the key at hand. Never say what stands in the file: it may be a
 * password. */
void scanner_error(struct scanner *s, unsigned line, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Likewise, and reads no further. */
void scanner_fail(struct scanner *s, unsigned line, const char *words);
