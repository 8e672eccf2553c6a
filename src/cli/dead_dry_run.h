#pragma once

#include "cli.h"
#include "dead_browse.h"

/* Says what a redrive or a purge would be about, and does nothing. An exit status. */
int dead_dry_run(struct cli *cli, const struct dead_filter *filter, uint64_t limit,
                 const char *verb);
