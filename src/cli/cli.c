#include "cli.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "config.h"
#include "exit_status.h"
#include "output.h"
#include "schema.h"
#include "server_choice.h"
#include "source_options.h"

static const char default_config_file[] = "/etc/dueq/dueq.conf";

void cli_global_arguments(struct cli *cli, struct argument globals[CLI_GLOBALS])
{
    const struct argument all[CLI_GLOBALS] = {
        { "config", 'c', ARGUMENT_TEXT, &cli->config_file, "FILE",
          "the configuration; default /etc/dueq/dueq.conf", 0, 0 },
        { "source", 0, ARGUMENT_TEXT, &cli->source_name, "NAME",
          "which of its sources, where it has several", 0, 0 },
        { "json", 0, ARGUMENT_FLAG, &cli->json, NULL, "one JSON document instead of text", 0, 0 },
        { "socket", 0, ARGUMENT_TEXT, &cli->socket, "FILE", "the server's socket", 0, 0 },
        { "host", 0, ARGUMENT_TEXT, &cli->host, "NAME", "the server's host, instead of a socket", 0,
          0 },
        { "port", 0, ARGUMENT_NUMBER, &cli->port, "NUMBER", "and its port; default 3306", 1,
          65535 },
        { "user", 0, ARGUMENT_TEXT, &cli->user, "NAME", "the database user", 0, 0 },
        { "database", 0, ARGUMENT_TEXT, &cli->database, "NAME",
          "the database with the dueq_ tables", 0, 0 },
        { "password-file", 0, ARGUMENT_TEXT, &cli->password_file, "FILE",
          "a file with the password in it", 0, 0 },
        { "help", 'h', ARGUMENT_FLAG, &cli->help, NULL, "also after a command, for that command", 0,
          0 },
    };
    memcpy(globals, all, sizeof all);
}

static void print_help(const struct command *command, const struct argument *table, size_t count)
{
    printf("usage: dueq [options] %s %s\n\n%s\n", command->name, command->usage, command->summary);
    if (command->details)
        printf("\n%s", command->details);
    if (count > 0) {
        printf("\n");
        arguments_print(table, count);
    }
    printf("\nOptions of every command: dueq --help. More: dueq(1).\n");
}

int cli_usage(const struct command *command, const char *format, ...)
{
    char text[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    output_error("%s: %s; try dueq %s --help", command->name, text, command->name);
    return EX_USAGE;
}

bool cli_arguments(struct cli *cli, const struct command *command, const struct argument *table,
                   size_t count, int minimum, int maximum, int *argc, char **argv, int *ret_exit)
{
    struct argument globals[CLI_GLOBALS];
    cli_global_arguments(cli, globals);
    const struct argument *const tables[] = { table, globals };
    const size_t counts[] = { count, CLI_GLOBALS };

    *ret_exit = EX_USAGE;
    if (!arguments_parse(tables, counts, 2, false, argc, argv))
        return false;
    if (cli->help) {
        print_help(command, table, count);
        *ret_exit = EX_OK;
        return false;
    }
    int words = *argc - 1;
    if (words < minimum) {
        cli_usage(command, "something is missing: dueq %s %s", command->name, command->usage);
        return false;
    }
    if (maximum >= 0 && words > maximum) {
        cli_usage(command, "\"%s\" is one word too many", argv[maximum + 1]);
        return false;
    }
    return true;
}

static bool has_connection_options(const struct cli *cli)
{
    return cli->socket || cli->host || cli->database || cli->user || cli->password_file ||
           cli->port > 0;
}

static int exit_status_of_load(int r)
{
    return r == -EINVAL   ? EX_CONFIG
           : r == -EACCES ? EX_NOPERM
           : r == -ENOMEM ? EX_OSERR
                          : EX_NOINPUT;
}

/* Where options say how to connect, the default file is optional. */
static int load_config(struct cli *cli)
{
    struct config_report report = { 0 };
    bool optional = !cli->config_file && !cli->source_name && has_connection_options(cli);
    const char *file = cli->config_file ? cli->config_file : default_config_file;

    int r = config_load(file, &cli->config, &report);
    if (r < 0 && !optional) {
        for (size_t i = 0; i < report.count; i++)
            if (!report.problems[i].warning)
                output_error("%s", report.problems[i].text);
        if (r == -ENOENT && !cli->config_file)
            output_error("name a configuration with -c, or a database with --socket or --host, "
                         "--database and --user");
    }
    config_report_done(&report);
    return r < 0 && !optional ? exit_status_of_load(r) : EX_OK;
}

static int choose_source(const struct cli *cli, const struct config_source **ret_source)
{
    struct buffer names = { 0 };

    *ret_source = NULL;
    if (!cli->config)
        return EX_OK;
    for (size_t i = 0; i < cli->config->source_count; i++) {
        const struct config_source *source = &cli->config->sources[i];
        if (!cli->source_name || strcmp(cli->source_name, source->name) == 0)
            *ret_source = *ret_source ? *ret_source : source;
        buffer_append_format(&names, "%s%s", names.len ? ", " : "", source->name);
    }
    int status = EX_OK;
    if (!*ret_source) {
        output_error("%s: there is no source \"%s\"; there are: %s", cli->config->file,
                     cli->source_name ? cli->source_name : "", names.len ? names.bytes : "none");
        status = EX_USAGE;
    } else if (!cli->source_name && cli->config->source_count > 1) {
        output_error("%s has several sources: say --source with one of: %s", cli->config->file,
                     names.len ? names.bytes : "");
        status = EX_USAGE;
    }
    buffer_done(&names);
    return status;
}

/* The first line of the file, as the configuration's password_file. */
static int read_password(struct cli *cli)
{
    int fd = open(cli->password_file, O_RDONLY | O_CLOEXEC);
    ssize_t len = fd < 0 ? -1 : read(fd, cli->password, sizeof cli->password - 1);
    int error = errno;
    if (fd >= 0)
        close(fd);
    if (len < 0) {
        output_error("reading the password from %s: %s", cli->password_file, strerror(error));
        return error == EACCES ? EX_NOPERM : EX_NOINPUT;
    }
    if ((size_t) len == sizeof cli->password - 1) {
        output_error("%s: a password has at most %zu bytes", cli->password_file,
                     sizeof cli->password - 2);
        return EX_CONFIG;
    }
    cli->password[len] = '\0';
    cli->password[strcspn(cli->password, "\r\n")] = '\0';
    return EX_OK;
}

/* What the options say goes before what the configuration says. */
static int override(struct cli *cli, struct db_options *options)
{
    if (cli->socket || cli->host) {
        options->socket = cli->socket;
        options->host = cli->socket ? NULL : cli->host;
    }
    if (cli->port > 0)
        options->port = (uint32_t) cli->port;
    if (cli->user)
        options->user = cli->user;
    if (cli->database)
        options->database = cli->database;
    if (cli->password_file) {
        int status = read_password(cli);
        if (status != EX_OK)
            return status;
        options->password = cli->password;
    }
    if (!options->database) {
        output_error("which database? Name it with --database");
        return EX_USAGE;
    }
    return EX_OK;
}

static int open_db(struct cli *cli, struct db_options *options)
{
    struct error error;
    bool choose = cli->source && cli->source->host_count && !cli->socket && !cli->host;
    enum db_status status = choose ? server_choice_open(cli->source, options, &cli->db, &error)
                                   : db_open(options, &cli->db, &error);
    if (status == DB_OK)
        return EX_OK;
    if (options->socket)
        output_error("connecting to %s as %s: %s", options->socket, options->user, error.text);
    else
        output_error("connecting to %s:%u as %s: %s", options->host, options->port, options->user,
                     error.text);
    return exit_status_of_open(status);
}

static int require_schema(struct cli *cli)
{
    struct schema schema;
    struct error error;
    enum db_status status = schema_require(cli->db, &schema, &error);
    if (status == DB_OK)
        return EX_OK;
    output_error("%s", error.text);
    /* The version is another, which is no failure of a statement. */
    return status == DB_FATAL && db_error_number(cli->db) == 0 ? EX_CONFIG
                                                               : exit_status_of(status, cli->db);
}

int cli_connect(struct cli *cli, enum cli_need need)
{
    const struct config_source *source;
    const char *user = getenv("USER");
    struct db_options options = {
        .host = "127.0.0.1",
        .port = 3306,
        .user = user ? user : "root",
        .password = "",
        .connect_timeout_us = 10 * 1000000,
    };

    int status = load_config(cli);
    if (status == EX_OK)
        status = choose_source(cli, &source);
    if (status != EX_OK)
        return status;
    cli->source = source;
    if (source)
        db_options_from(source, &options);
    options.read_timeout_us =
        0; /* a large table is counted, or migrated, for as long as it takes */
    options.multi_statements = need == CLI_NEED_MIGRATION;
    status = override(cli, &options);
    if (status == EX_OK)
        status = open_db(cli, &options);
    if (status == EX_OK && need == CLI_NEED_SCHEMA)
        status = require_schema(cli);
    return status;
}

int cli_failed(const struct cli *cli, enum db_status status, const struct error *error)
{
    output_error("%s", error->text);
    return exit_status_of(status, cli->db);
}

void cli_done(struct cli *cli)
{
    db_close(cli->db);
    config_free(cli->config);
    arena_done(&cli->arena);
    explicit_bzero(cli->password, sizeof cli->password);
}
