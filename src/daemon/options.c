#include "options.h"

#include <getopt.h>
#include <stdio.h>
#include <sysexits.h>

static const char help[] =
    "usage: dueqd [-c FILE] [--check | --print-config]\n"
    "\n"
    "Runs the jobs of dueq_job tables in the foreground, as a service manager wants it.\n"
    "\n"
    "  -c, --config FILE   the configuration; default /etc/dueq/dueq.conf\n"
    "      --check         check the configuration and load the handlers, then end: 0 if all is\n"
    "                      well, 78 if not, with every error and its place\n"
    "      --print-config  print the configuration in force, defaults included\n"
    "      --version\n"
    "  -h, --help\n"
    "\n"
    "SIGTERM ends it when the running jobs have ended (a second one sooner), SIGHUP reloads the\n"
    "configuration and the handlers, SIGUSR1 looks at every queue at once. See dueqd(8).\n";

bool options_parse(int argc, char **argv, struct options *ret_options, int *ret_status)
{
    enum { CHECK = 256, PRINT, VERSION };
    static const struct option known[] = {
        { "config", required_argument, NULL, 'c' },   { "check", no_argument, NULL, CHECK },
        { "print-config", no_argument, NULL, PRINT }, { "version", no_argument, NULL, VERSION },
        { "help", no_argument, NULL, 'h' },           { NULL, 0, NULL, 0 },
    };
    struct options options = { .config_file = "/etc/dueq/dueq.conf", .mode = MODE_RUN };
    int c;

    while ((c = getopt_long(argc, argv, "c:h", known, NULL)) != -1) {
        switch (c) {
        case 'c':
            options.config_file = optarg;
            break;
        case CHECK:
            options.mode = MODE_CHECK;
            break;
        case PRINT:
            options.mode = MODE_PRINT_CONFIG;
            break;
        case VERSION:
            puts("dueqd " DUEQ_VERSION);
            *ret_status = EX_OK;
            return false;
        case 'h':
            fputs(help, stdout);
            *ret_status = EX_OK;
            return false;
        default:
            fputs("try dueqd --help\n", stderr);
            *ret_status = EX_USAGE;
            return false;
        }
    }
    if (optind < argc) {
        fprintf(stderr, "dueqd: unexpected argument \"%s\"; try dueqd --help\n", argv[optind]);
        *ret_status = EX_USAGE;
        return false;
    }
    *ret_options = options;
    return true;
}
