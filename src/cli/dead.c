#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "commands.h"
#include "output.h"
#include "suggest.h"

static const struct command commands[] = {
    { "dead list", "", "Lists dead letters, the latest first.", NULL, command_dead_list },
    { "dead show", "DEAD_ID...", "Shows dead letters with all that is in them.", NULL,
      command_dead_show },
    { "dead redrive", "[DEAD_ID...]", "Gives dead letters back to their queues.",
      "A job comes back under its old id with no attempts behind it. One whose id or unique key a\n"
      "living job has is left, which is said; the exit status is then 1. Without ids or options\n"
      "all that are dead now are given back.\n",
      command_dead_redrive },
    { "dead purge", "[DEAD_ID...] --yes", "Deletes dead letters for good.",
      "Without ids or options all that are dead now are deleted.\n", command_dead_purge },
};
enum { COMMANDS = sizeof commands / sizeof *commands };

static int complain(const char *name)
{
    const char *names[COMMANDS];
    for (size_t i = 0; i < COMMANDS; i++)
        names[i] = commands[i].name + strlen("dead ");
    const char *near = suggest_name(name, names, COMMANDS);
    output_error("there is no command \"dead %s\"; did you mean dead %s?", name,
                 near ? near : "list, show, redrive or purge");
    return EX_USAGE;
}

/* The name of what is to be done comes next, but options may stand before it. */
int command_dead(struct cli *cli, const struct command *command, int argc, char **argv)
{
    struct argument globals[CLI_GLOBALS];
    cli_global_arguments(cli, globals);
    const struct argument *const tables[] = { globals };
    const size_t counts[] = { CLI_GLOBALS };

    if (!arguments_parse(tables, counts, 1, true, &argc, argv))
        return EX_USAGE;
    if (argc < 2 && !cli->help)
        return cli_usage(command, "list, show, redrive or purge?");
    if (argc < 2) {
        printf("usage: dueq [options] dead COMMAND ...\n\n");
        for (size_t i = 0; i < COMMANDS; i++)
            printf("  %-13s %s\n", commands[i].name, commands[i].summary);
        printf("\nMore: dueq dead list --help, dueq(1).\n");
        return EX_OK;
    }
    for (size_t i = 0; i < COMMANDS; i++)
        if (strcmp(argv[1], commands[i].name + strlen("dead ")) == 0)
            return commands[i].run(cli, &commands[i], argc - 1, argv + 1);
    return complain(argv[1]);
}
