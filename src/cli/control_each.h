#pragma once

#include "cli.h"
#include "job_control.h"

/* The same thing done to one job after the other. */
struct control {
    enum db_status (*one)(struct db *db, uint64_t id, const void *userdata,
                          struct job_control_outcome *ret_outcome, struct error *error);
    void (*describe)(uint64_t id, const struct job_control_outcome *outcome); /* on stdout */
    const void *userdata;
};

/* Connects and does it for each id. The exit status: 0, 1 where it could not be done for one of
 * them, or that of a failure, after which nothing more is done. */
int control_each(struct cli *cli, const struct command *command, const struct control *control,
                 int count, char **ids);
