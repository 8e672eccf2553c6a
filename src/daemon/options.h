#pragma once

#include <stdbool.h>

/* The command line of dueqd. */
struct options {
    const char *config_file;
    enum { MODE_RUN, MODE_CHECK, MODE_PRINT_CONFIG } mode;
};

/* True: go on. False: end with *ret_status (help, version, or wrong usage, which was said on
 * stderr). */
bool options_parse(int argc, char **argv, struct options *ret_options, int *ret_status);
