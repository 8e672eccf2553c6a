#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "arena.h"
#include "buffer.h"
#include "config.h"

/* The first look at a configuration file: reads it and the files it includes into one text, and
 * reports what the parser behind it would pass over, misplace or not survive.
 *
 * libconfig 1.5, which the older distributions have, ends the whole process when `@include` names a
 * directory, turns 4294967297 into 1 and takes an unclosed comment for the end of the file; of a
 * string or bracket that is not closed it knows only where the file ends. So includes are put in
 * here, comments are left out, integers get the L that makes them 64 bits wide, and quotes,
 * brackets and names given twice are checked with the place where each began. */
struct scan {
    char *text; /* what the parser is to read */
    size_t len;
    size_t size;
    unsigned split_begin,
        split_end; /* lines of the last string that went over several; 0: none did */
    struct arena arena;
    struct scan_origin *origins;
    size_t origin_count;
};

/* Where a line of `text` came from. */
struct scan_place {
    const char *file;
    unsigned line;
    bool group_can_read, others_can_read;
};

/* Zero-initialise `scan`; scan_done is due whatever comes back. 0; -EINVAL: there are errors in the
 * report; -ENOMEM; or why `file` itself could not be read, which is in the report too. */
int scan_read(struct scan *scan, const char *file, struct config_report *report)
    __attribute__((warn_unused_result));

/* Overwrites the text, since there may be passwords in it. */
void scan_done(struct scan *scan);

/* What to say of an error in a line where a string of several lines ends: most of them lack a
 * quote. Nothing for others. */
void scan_append_hint(const struct scan *scan, unsigned line, struct buffer *text);

/* line: from 1; 0 for the file as a whole. */
struct scan_place scan_place(const struct scan *scan, unsigned line);
