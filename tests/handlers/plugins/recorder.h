#pragma once

#include <stddef.h>
#include <stdint.h>

#include "dueq_handler.h"

/* The recorder's instance: what its open() was given. Its options:
 *   text   a string, "nothing"        list   a list
 *   count  an integer, 1 to 10, 5     flag   a boolean, false     pause  a duration, 1 s to 1 h, 1m
 *   trace  a file that gets a line "open KIND" and "close KIND"
 *   refuse how open() fails: "silently", "in general", "for want of an option", "for another
 * option" shrug  true: open() does not care what the option functions return */
struct recorder {
    const struct dueq_host *host;
    const char *text;
    const char *const *list;
    size_t list_count;
    int64_t count;
    int32_t flag;
    int64_t pause_us;
    const char *trace;
};
