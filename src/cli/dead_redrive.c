#include "dead_redrive.h"

#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "commands.h"
#include "dead_dry_run.h"
#include "dead_options.h"
#include "exit_status.h"
#include "json_output.h"
#include "output.h"

static const int64_t over_max_us = INT64_C(365) * 86400 * 1000000; /* far from the dates' end */

static size_t example_count(const struct dead_redriven *redriven)
{
    return redriven->left < DEAD_LEFT_MAX ? (size_t) redriven->left : DEAD_LEFT_MAX;
}

static json_t *redriven_json(const struct dead_redriven *redriven)
{
    json_t *examples = json_array();
    for (size_t i = 0; i < example_count(redriven); i++) {
        const struct dead_left *left = &redriven->examples[i];
        const struct row_text why = { left->why, strlen(left->why) };
        json_array_append_new(examples,
                              json_pack("{s:I, s:I, s:o}", "dead_id", (json_int_t) left->dead_id,
                                        "id", (json_int_t) left->id, "why", json_row_text(why)));
    }
    return json_pack("{s:I, s:I, s:o}", "redriven", (json_int_t) redriven->done, "left",
                     (json_int_t) redriven->left, "examples", examples);
}

static void print_redriven(const struct dead_redriven *redriven)
{
    printf("%llu job%s given back\n", (unsigned long long) redriven->done,
           redriven->done == 1 ? "" : "s");
    if (redriven->left == 0)
        return;
    printf("%llu left:\n", (unsigned long long) redriven->left);
    for (size_t i = 0; i < example_count(redriven); i++) {
        struct buffer why = { 0 };
        output_escape(&why, redriven->examples[i].why, strlen(redriven->examples[i].why));
        printf("  dead letter %llu (job %llu): %s\n",
               (unsigned long long) redriven->examples[i].dead_id,
               (unsigned long long) redriven->examples[i].id, why.bytes ? why.bytes : "");
        buffer_done(&why);
    }
    if (redriven->left > DEAD_LEFT_MAX)
        printf("  … and %llu more\n", (unsigned long long) redriven->left - DEAD_LEFT_MAX);
}

static int redrive(struct cli *cli, const struct dead_filter *filter,
                   const struct dead_redrive_options *options)
{
    struct dead_redriven redriven;
    struct error error;
    int status = EX_OK;

    enum db_status done = dead_redrive(cli->db, filter, options, &redriven, &error);
    if (cli->json) /* also after a failure: the batches before it are given back */
        status = json_print(redriven_json(&redriven));
    else
        print_redriven(&redriven);
    if (done != DB_OK)
        return cli_failed(cli, done, &error);
    return status != EX_OK ? status : redriven.left > 0 ? EXIT_NO : EX_OK;
}

int command_dead_redrive(struct cli *cli, const struct command *command, int argc, char **argv)
{
    struct dead_redrive_options redrive_options = { .over_us = 0 };
    struct dead_options options;
    int64_t limit = INT64_MAX;
    bool dry_run = false;
    const struct argument own[] = {
        { "over", 0, ARGUMENT_DURATION, &redrive_options.over_us, "DURATION",
          "spread them over so long, instead of all at once", 0, 0 },
        { "limit", 0, ARGUMENT_NUMBER, &limit, "NUMBER", "at most so many, the oldest first", 1,
          INT64_MAX },
        { "dry-run", 0, ARGUMENT_FLAG, &dry_run, NULL, "only say how many there are", 0, 0 },
    };
    struct argument table[DEAD_ARGUMENTS + 3];
    int status;

    dead_options_init(&options, table);
    memcpy(table + DEAD_ARGUMENTS, own, sizeof own);
    if (!cli_arguments(cli, command, table, DEAD_ARGUMENTS + 3, 0, -1, &argc, argv, &status))
        return status;
    if (!dead_options_finish(cli, command, &options, argc - 1, argv + 1))
        return EX_USAGE;
    if (redrive_options.over_us > over_max_us)
        return cli_usage(command, "--over: a year at most");
    redrive_options.limit = (uint64_t) limit;
    status = cli_connect(cli, CLI_NEED_SCHEMA);
    if (status != EX_OK)
        return status;
    if (dry_run)
        return dead_dry_run(cli, &options.filter, redrive_options.limit, "given back");
    return redrive(cli, &options.filter, &redrive_options);
}
