/* exec: a handler in any language. Either a program for each job, with the payload on its stdin and
 * an exit status as its answer (once.c), or long-lived children that are given one line of JSON for
 * each job and answer with one (lines.c). The manual is docs/exec.md. */

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "children.h"
#include "dueq_handler.h"
#include "lines.h"
#include "once.h"
#include "options.h"
#include "program.h"

struct exec {
    const struct dueq_host *host;
    struct exec_options options;
    struct children *children; /* mode "lines" */
};

/* An operator can put that right while jobs are tried again, so it refuses no configuration. */
static void warn_if_missing(const struct exec *exec)
{
    const struct exec_options *options = &exec->options;
    char file[PATH_MAX], why[512];

    int error = program_find(options->command[0], options->path, file);
    if (error) {
        program_explain(-error, options->command[0], options->path, options->directory, why,
                        sizeof why);
        exec->host->log(exec->host, DUEQ_LOG_WARNING, "%s", why);
    }
}

static int32_t exec_open(const struct dueq_host *host, const struct dueq_options *given,
                         void **ret_instance)
{
    char words[128];

    struct exec *exec = calloc(1, sizeof *exec);
    if (!exec) {
        host->option_error(given, NULL, "out of memory");
        return -1;
    }
    exec->host = host;
    if (exec_options_read(&exec->options, host, given) < 0) {
        free(exec);
        return -1;
    }
    warn_if_missing(exec);
    if (exec->options.lines) {
        int error = children_new(host, &exec->options, &exec->children);
        if (error) {
            host->option_error(given, NULL, "cannot prepare for children: %s",
                               strerror_r(-error, words, sizeof words));
            exec_options_done(&exec->options);
            free(exec);
            return -1;
        }
    }
    *ret_instance = exec;
    return 0;
}

static void exec_close(void *instance)
{
    struct exec *exec = instance;

    children_free(exec->children);
    exec_options_done(&exec->options);
    free(exec);
}

static int32_t exec_run(void *instance, void *local, const struct dueq_job *job,
                        struct dueq_result *result)
{
    static const struct timespec now = { 0 };
    struct exec *exec = instance;
    sigset_t pipe_signal, old, pending;
    int32_t outcome;

    (void) local;
    /* A program that does not read its stdin must not end dueqd, whatever dueqd does about SIGPIPE:
     * it is blocked here, and one that came is taken back, unless it was there before. */
    sigemptyset(&pipe_signal);
    sigaddset(&pipe_signal, SIGPIPE);
    sigpending(&pending);
    pthread_sigmask(SIG_BLOCK, &pipe_signal, &old);

    if (exec->options.lines)
        outcome = lines_run(exec->children, job, result);
    else
        outcome = once_run(&exec->options, exec->host, job, result);

    if (!sigismember(&pending, SIGPIPE))
        while (sigtimedwait(&pipe_signal, NULL, &now) < 0 && errno == EINTR)
            ;
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return outcome;
}

DUEQ_EXPORT const struct dueq_handler dueq_handler = {
    .abi_major = DUEQ_ABI_MAJOR,
    .abi_minor = DUEQ_ABI_MINOR,
    .size = sizeof dueq_handler,
    .name = "exec",
    .open = exec_open,
    .close = exec_close,
    .run = exec_run,
};
