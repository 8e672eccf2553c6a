#include "options.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "environment.h"

#define SECOND_US INT64_C(1000000)
#define ABSENT (-1)

static int read_command(struct exec_options *options, const struct dueq_host *host,
                        const struct dueq_options *given)
{
    size_t count;

    options->command = host->option_list(given, "command", &count);
    if (!options->command || count == 0) {
        host->option_error(given, "command",
                           "expected the program and its arguments, as in "
                           "command = [ \"/usr/bin/php\", \"mail.php\" ]");
        return -1;
    }
    const char *program = options->command[0];
    if (!*program || (program[0] != '/' && strchr(program, '/'))) {
        host->option_error(given, "command",
                           "expected an absolute path or a name to be looked up in PATH, "
                           "found \"%s\"",
                           program);
        return -1;
    }
    return 0;
}

static int read_mode(struct exec_options *options, const struct dueq_host *host,
                     const struct dueq_options *given)
{
    const char *mode = host->option_string(given, "mode", "once");

    if (!mode || (strcmp(mode, "once") != 0 && strcmp(mode, "lines") != 0)) {
        host->option_error(given, "mode", "expected \"once\" or \"lines\", found \"%s\"",
                           mode ? mode : "");
        return -1;
    }
    options->lines = strcmp(mode, "lines") == 0;
    return 0;
}

static int read_environment(struct exec_options *options, const struct dueq_host *host,
                            const struct dueq_options *given)
{
    size_t count = 0;
    const char *const *entries = host->option_list(given, "environment", &count);

    for (size_t i = 0; entries && i < count; i++) {
        const char *problem = environment_entry_problem(entries[i]);
        if (problem) {
            /* by its number: the value may be a password */
            host->option_error(given, "environment", "entry %zu %s", i + 1, problem);
            return -1;
        }
    }
    options->environment = environment_base(entries, entries ? count : 0);
    if (!options->environment) {
        host->option_error(given, NULL, "out of memory");
        return -1;
    }
    options->path = environment_find(options->environment, "PATH");
    return 0;
}

static int read_directory(struct exec_options *options, const struct dueq_host *host,
                          const struct dueq_options *given)
{
    options->directory = host->option_string(given, "directory", NULL);
    if (options->directory && options->directory[0] != '/') {
        host->option_error(given, "directory", "expected an absolute path, found \"%s\"",
                           options->directory);
        return -1;
    }
    return 0;
}

/* The options of mode "lines" are asked for in both modes, so that in the other one the user reads
 * what is wrong and not that they are unknown. */
static int read_lines(struct exec_options *options, const struct dueq_host *host,
                      const struct dueq_options *given)
{
    int64_t children, max_jobs, restart_delay_us;

    if (host->option_integer(given, "children", 1, 1024, ABSENT, &children) < 0 ||
        host->option_integer(given, "max_jobs", 0, INT64_MAX, ABSENT, &max_jobs) < 0 ||
        host->option_duration(given, "restart_delay", SECOND_US / 100, 30 * SECOND_US, ABSENT,
                              &restart_delay_us) < 0)
        return -1;
    if (!options->lines) {
        const char *name = children != ABSENT           ? "children"
                           : max_jobs != ABSENT         ? "max_jobs"
                           : restart_delay_us != ABSENT ? "restart_delay"
                                                        : NULL;
        if (!name)
            return 0;
        host->option_error(given, name, "is for mode = \"lines\" only");
        return -1;
    }
    options->children = children == ABSENT ? 4 : (size_t) children;
    options->max_jobs = max_jobs == ABSENT ? 0 : (uint64_t) max_jobs;
    options->restart_delay_us = restart_delay_us == ABSENT ? SECOND_US : restart_delay_us;
    return 0;
}

int exec_options_read(struct exec_options *ret_options, const struct dueq_host *host,
                      const struct dueq_options *given)
{
    struct exec_options options = { 0 };
    int64_t tail;

    /* All are read, whatever the first one says: an option that nobody asked for is reported as
     * unknown. */
    int bad = read_command(&options, host, given);
    bad |= read_mode(&options, host, given);
    bad |= read_environment(&options, host, given);
    bad |= read_directory(&options, host, given);
    bad |= host->option_duration(given, "kill_after", 0, 600 * SECOND_US, 5 * SECOND_US,
                                 &options.kill_after_us);
    bad |= host->option_integer(given, "stderr_tail", 0, 1 << 20, 2048, &tail);
    bad |= read_lines(&options, host, given);
    if (bad) {
        exec_options_done(&options);
        return -1;
    }
    options.stderr_tail = (size_t) tail;
    *ret_options = options;
    return 0;
}

void exec_options_done(struct exec_options *options)
{
    environment_free(options->environment);
    *options = (struct exec_options){ 0 };
}
