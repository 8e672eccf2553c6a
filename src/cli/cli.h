#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "arena.h"
#include "arguments.h"
#include "connection.h"

/* One run of dueq: what stands before the command, and what the command works with. */
struct cli {
    /* Options of every command. NULL, or -1: not given. */
    const char *config_file;
    const char *source_name;
    const char *socket;
    const char *host;
    int64_t port;
    const char *user;
    const char *database;
    const char *password_file;
    bool json;
    bool help;

    struct config *config;              /* NULL: none was read */
    const struct config_source *source; /* of it, that was connected to; NULL: none */
    struct db *db;                      /* NULL until cli_connect */
    struct arena arena;                 /* for what is read from rows */
    char password[1024];
};

struct command {
    const char *name;
    const char *usage; /* what follows the name */
    const char *summary;
    const char *details; /* more lines for its help; NULL: none */
    int (*run)(struct cli *cli, const struct command *command, int argc, char **argv);
};

enum { CLI_GLOBALS = 10 };
void cli_global_arguments(struct cli *cli, struct argument globals[CLI_GLOBALS]);

/* Reads a command's options and the global ones out of argv, and leaves argv[1 …] to it. False: end
 * with *ret_exit; help was asked for and given, or the usage is wrong, which was said. The command
 * takes minimum to maximum words (-1: any number). */
bool cli_arguments(struct cli *cli, const struct command *command, const struct argument *table,
                   size_t count, int minimum, int maximum, int *argc, char **argv, int *ret_exit);

enum cli_need {
    CLI_NEED_SCHEMA,    /* the schema must be the one that this dueq knows */
    CLI_NEED_SERVER,    /* whatever is in the database */
    CLI_NEED_MIGRATION, /* the same, and several statements in one text */
};

/* Connects to the source that configuration and options name. An exit status; not 0: it was said
 * on stderr why. */
int cli_connect(struct cli *cli, enum cli_need need);

/* The status for a statement that failed, said on stderr. */
int cli_failed(const struct cli *cli, enum db_status status, const struct error *error);

/* Wrong usage of a command, said on stderr. */
int cli_usage(const struct command *command, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

void cli_done(struct cli *cli);
