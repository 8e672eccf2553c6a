#pragma once

#include "cli.h"
#include "dead_browse.h"

/* Which dead letters a command is about: the options that all of them share, and the ids that
 * stand as words on the command line. */
struct dead_options {
    struct dead_filter filter;
    int64_t id;  /* -1: not given */
    int64_t job; /* -1: not given */
};

enum { DEAD_ARGUMENTS = 8 };

/* Fills the first DEAD_ARGUMENTS of `table`. */
void dead_options_init(struct dead_options *options, struct argument *table);

/* After the options were read: checks them and takes the words as ids. False: the usage is wrong,
 * which was said. */
bool dead_options_finish(struct cli *cli, const struct command *command,
                         struct dead_options *options, int count, char **words);
