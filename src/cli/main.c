#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "commands.h"
#include "output.h"
#include "suggest.h"

static const struct command commands[] = {
    { "migrate", "", "Applies what is missing of the schema. Two at once are safe.", NULL,
      command_migrate },
    { "enqueue", "KIND [PAYLOAD | - | --file FILE]",
      "Inserts a job, as a producer would. Prints its id.",
      "The payload is what stands on the command line, standard input (-), or a file; none is the\n"
      "empty one. With --unique-key a living job of the same key absorbs this one, which is "
      "said.\n",
      command_enqueue },
    { "status", "", "Shows the queues, the workers, and what is wrong with them.", NULL,
      command_status },
    { "jobs", "", "Lists jobs in the order in which they are claimed.", NULL, command_jobs },
    { "job", "ID", "Shows one job with its failed attempts, living or dead.", NULL, command_job },
    { "retry", "ID...", "Makes waiting jobs due now.",
      "A job that is running is left alone; the exit status is then 1.\n", command_retry },
    { "cancel", "ID...", "Moves jobs to the dead letters, whether they wait or run.",
      "What comes of a running attempt is refused; its handler is asked to stop.\n",
      command_cancel },
    { "dead", "list | show | redrive | purge", "Works with the dead letters.",
      "Each has a help of its own: dueq dead redrive --help\n", command_dead },
    { "pause", "QUEUE", "Lets the daemons claim nothing more from a queue.", NULL, command_pause },
    { "resume", "QUEUE", "Ends a pause.", NULL, command_resume },
    { "set", "QUEUE [--concurrency N] [--rate N]",
      "Sets limits of a queue while the daemons run; \"none\" takes one back.", NULL, command_set },
    { "check", "", "Checks the server, the schema and the user's privileges.",
      "Each line is ok, a warning, or a failure with what to do. With a failure the exit status "
      "is 1.\n",
      command_check },
    { "fsck", "", "Checks that what the tables say fits together.",
      "It reads all of dueq_job in small pieces, locks nothing, and may run while daemons work.\n"
      "With a failure the exit status is 1.\n",
      command_fsck },
    { "dev", "", "Runs a private database server and dueqd on it, to try dueq out.",
      "Everything is in one directory: the server's data, its socket (it has no network port), "
      "and\n"
      "a dueq.conf. Without --dir the directory is a temporary one that goes away at the end.\n",
      command_dev },
};
enum { COMMANDS = sizeof commands / sizeof *commands };

static void print_help(void)
{
    struct cli cli = { .port = -1 };
    struct argument globals[CLI_GLOBALS];
    cli_global_arguments(&cli, globals);

    printf("usage: dueq [options] COMMAND ...\n\nCommands:\n");
    for (size_t i = 0; i < COMMANDS; i++)
        printf("  %-10s %s\n", commands[i].name, commands[i].summary);
    printf("\nOptions, before or after the command:\n");
    arguments_print(globals, CLI_GLOBALS);
    printf("      --version\n\nMore: dueq COMMAND --help, dueq(1).\n");
}

static const struct command *find_command(const char *name)
{
    const char *names[COMMANDS];
    for (size_t i = 0; i < COMMANDS; i++) {
        names[i] = commands[i].name;
        if (strcmp(name, names[i]) == 0)
            return &commands[i];
    }
    const char *near = suggest_name(name, names, COMMANDS);
    if (near)
        output_error("there is no command \"%s\"; did you mean %s?", name, near);
    else
        output_error("there is no command \"%s\"; try dueq --help", name);
    return NULL;
}

static int run(struct cli *cli, int argc, char **argv)
{
    struct argument globals[CLI_GLOBALS + 1];
    bool version = false;
    cli_global_arguments(cli, globals);
    globals[CLI_GLOBALS] =
        (struct argument){ "version", 0, ARGUMENT_FLAG, &version, NULL, "", 0, 0 };
    const struct argument *const tables[] = { globals };
    const size_t counts[] = { CLI_GLOBALS + 1 };

    if (!arguments_parse(tables, counts, 1, true, &argc, argv))
        return EX_USAGE;
    if (version) {
        puts("dueq " DUEQ_VERSION);
        return EX_OK;
    }
    if (argc < 2 && !cli->help) {
        output_error("which command? Try dueq --help");
        return EX_USAGE;
    }
    if (argc < 2) {
        print_help();
        return EX_OK;
    }
    const struct command *command = find_command(argv[1]);
    return command ? command->run(cli, command, argc - 1, argv + 1) : EX_USAGE;
}

int main(int argc, char **argv)
{
    struct cli cli = { .port = -1 };

    if (!setlocale(LC_CTYPE,
                   "C.UTF-8")) /* for the widths of what is not ASCII; any locale will do */
        setlocale(LC_CTYPE, "");
    if (db_library_init() < 0) {
        output_error("out of memory");
        return EX_OSERR;
    }
    int status = run(&cli, argc, argv);
    cli_done(&cli);
    db_library_done();
    if (fflush(stdout) == EOF || ferror(stdout)) {
        output_error("cannot write to standard output");
        if (status == EX_OK)
            status = EX_IOERR;
    }
    return status;
}
