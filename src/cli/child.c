#include "child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static sigset_t waited_for; /* SIGCHLD and those that end us */
static sigset_t before;     /* the mask that children begin with */

void child_signals_init(void)
{
    sigemptyset(&waited_for);
    sigaddset(&waited_for, SIGCHLD);
    sigaddset(&waited_for, SIGINT);
    sigaddset(&waited_for, SIGTERM);
    sigaddset(&waited_for, SIGHUP);
    sigprocmask(SIG_BLOCK, &waited_for, &before);
}

static int redirect(const char *log)
{
    int fd = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (fd < 0 || dup2(fd, STDOUT_FILENO) < 0 || dup2(fd, STDERR_FILENO) < 0)
        return -errno;
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    return null < 0 || dup2(null, STDIN_FILENO) < 0 ? -errno : 0;
}

/* In the child. Returns only where it cannot become the program. */
static int become(const struct child_spec *spec, pid_t parent)
{
    if (spec->own_group && setpgid(0, 0) < 0)
        return -errno;
    if (prctl(PR_SET_PDEATHSIG, spec->death_signal) < 0)
        return -errno;
    if (getppid() != parent) /* it died before the kernel knew that it matters */
        return -ESRCH;
    int r = spec->log ? redirect(spec->log) : 0;
    if (r < 0)
        return r;
    for (const char *const *pair = spec->environment; pair && *pair; pair++)
        if (putenv((char *) *pair) != 0)
            return -ENOMEM;
    sigprocmask(SIG_SETMASK, &before, NULL);
    execvp(spec->argv[0], (char *const *) spec->argv);
    return -errno;
}

int child_start(struct child *child, const char *name, const struct child_spec *spec)
{
    int report[2]; /* closed by a successful exec */
    int failure = 0;
    pid_t parent = getpid();

    if (pipe2(report, O_CLOEXEC) < 0)
        return -errno;
    pid_t pid = fork();
    if (pid < 0) {
        failure = -errno;
        close(report[0]);
        close(report[1]);
        return failure;
    }
    if (pid == 0) {
        failure = become(spec, parent);
        ssize_t written = write(report[1], &failure, sizeof failure);
        _exit(written == sizeof failure ? 127 : 126);
    }
    close(report[1]);
    ssize_t len;
    while ((len = read(report[0], &failure, sizeof failure)) < 0 && errno == EINTR)
        ;
    close(report[0]);
    if (len == sizeof failure) {
        while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
            ;
        return failure;
    }
    *child = (struct child){ .name = name, .pid = pid };
    return 0;
}

static void reap(struct child *const *children, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct child *child = children[i];
        int status;
        if (child->pid == 0 || waitpid(child->pid, &status, WNOHANG) != child->pid)
            continue;
        child->pid = 0;
        child->status = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
    }
}

bool child_wait(struct child *const *children, size_t count, long timeout_ms)
{
    const struct timespec timeout = { timeout_ms / 1000, timeout_ms % 1000 * 1000000 };
    siginfo_t info;

    int number = timeout_ms < 0 ? sigwaitinfo(&waited_for, &info)
                                : sigtimedwait(&waited_for, &info, &timeout);
    reap(children, count); /* in any case: several SIGCHLD may have become one */
    return number == SIGINT || number == SIGTERM || number == SIGHUP;
}

void child_signal(const struct child *child, int signal_number)
{
    if (child->pid > 0)
        kill(child->pid, signal_number);
}
