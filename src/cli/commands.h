#pragma once

#include "cli.h"

/* One function a command, each in a file of its own name; main.c has the table of them. Each
 * returns an exit status, and has said on stderr what went wrong. */

int command_migrate(struct cli *cli, const struct command *command, int argc, char **argv);
int command_enqueue(struct cli *cli, const struct command *command, int argc, char **argv);
int command_status(struct cli *cli, const struct command *command, int argc, char **argv);
int command_jobs(struct cli *cli, const struct command *command, int argc, char **argv);
int command_job(struct cli *cli, const struct command *command, int argc, char **argv);
int command_retry(struct cli *cli, const struct command *command, int argc, char **argv);
int command_cancel(struct cli *cli, const struct command *command, int argc, char **argv);
int command_dead(struct cli *cli, const struct command *command, int argc, char **argv);
int command_dead_list(struct cli *cli, const struct command *command, int argc, char **argv);
int command_dead_show(struct cli *cli, const struct command *command, int argc, char **argv);
int command_dead_redrive(struct cli *cli, const struct command *command, int argc, char **argv);
int command_dead_purge(struct cli *cli, const struct command *command, int argc, char **argv);
int command_pause(struct cli *cli, const struct command *command, int argc, char **argv);
int command_resume(struct cli *cli, const struct command *command, int argc, char **argv);
int command_set(struct cli *cli, const struct command *command, int argc, char **argv);
int command_check(struct cli *cli, const struct command *command, int argc, char **argv);
int command_fsck(struct cli *cli, const struct command *command, int argc, char **argv);
int command_dev(struct cli *cli, const struct command *command, int argc, char **argv);
