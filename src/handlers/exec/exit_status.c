#include "exit_status.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <sysexits.h>

#include "dueq_handler.h"

/* Dead is what says that the job itself can never succeed. What a deployment, an operator or time
 * may mend is tried again: the retry policy ends that too. */
static const struct {
    int status;
    int32_t outcome;
    const char *name;
} table[] = {
    { EX_OK, DUEQ_DONE, "EX_OK" },
    { EX_USAGE, DUEQ_DEAD, "EX_USAGE" },
    { EX_DATAERR, DUEQ_DEAD, "EX_DATAERR" },
    { EX_NOINPUT, DUEQ_DEAD, "EX_NOINPUT" },
    { EX_NOUSER, DUEQ_DEAD, "EX_NOUSER" },
    { EX_NOHOST, DUEQ_DEAD, "EX_NOHOST" },
    { EX_UNAVAILABLE, DUEQ_RETRY, "EX_UNAVAILABLE" },
    { EX_SOFTWARE, DUEQ_RETRY, "EX_SOFTWARE" },
    { EX_OSERR, DUEQ_RETRY, "EX_OSERR" },
    { EX_OSFILE, DUEQ_RETRY, "EX_OSFILE" },
    { EX_CANTCREAT, DUEQ_RETRY, "EX_CANTCREAT" },
    { EX_IOERR, DUEQ_RETRY, "EX_IOERR" },
    { EX_TEMPFAIL, DUEQ_RETRY, "EX_TEMPFAIL" },
    { EX_PROTOCOL, DUEQ_RETRY, "EX_PROTOCOL" },
    /* "higher level permissions", says sysexits.h: whoever was asked said no, as with HTTP's 403 */
    { EX_NOPERM, DUEQ_DEAD, "EX_NOPERM" },
    { EX_CONFIG, DUEQ_DEAD, "EX_CONFIG" },
    /* no sysexits, but what shells and env(1) say */
    { 126, DUEQ_RETRY, "not executable" },
    { 127, DUEQ_RETRY, "command not found" },
};

int32_t exit_status_outcome(int status)
{
    if (status == EXIT_STATUS_LOST || !WIFEXITED(status))
        return DUEQ_RETRY;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        if (table[i].status == WEXITSTATUS(status))
            return table[i].outcome;
    return DUEQ_RETRY;
}

char *exit_status_describe(int status, char *out, size_t size)
{
    if (status != EXIT_STATUS_LOST && WIFSIGNALED(status)) {
        const char *name = sigabbrev_np(WTERMSIG(status));
        snprintf(out, size, "killed by signal %d (SIG%s)%s", WTERMSIG(status), name ? name : "?",
                 WCOREDUMP(status) ? ", core dumped" : "");
        return out;
    }
    if (status == EXIT_STATUS_LOST || !WIFEXITED(status)) {
        snprintf(out, size, "ended, but its exit status was lost");
        return out;
    }
    const char *name = NULL;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        if (table[i].status == WEXITSTATUS(status))
            name = table[i].name;
    if (name)
        snprintf(out, size, "exit status %d (%s)", WEXITSTATUS(status), name);
    else
        snprintf(out, size, "exit status %d", WEXITSTATUS(status));
    return out;
}
