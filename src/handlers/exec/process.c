#include "process.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "exit_status.h"
#include "options.h"
#include "program.h"

enum { LIFE_FD = 3, FIRST_CLOSED_FD = 4 };

/* A pipe whose ends are above those that the program gets: dup2 in the child never overwrites one
 * that is still needed, also where dueqd was started without standard descriptors. */
static int make_pipe(int *ret_read, int *ret_write)
{
    int ends[2];

    if (pipe2(ends, O_CLOEXEC) < 0)
        return -errno;
    for (int i = 0; i < 2; i++) {
        if (ends[i] >= FIRST_CLOSED_FD)
            continue;
        int moved = fcntl(ends[i], F_DUPFD_CLOEXEC, FIRST_CLOSED_FD);
        int error = errno;
        close(ends[i]);
        ends[i] = moved;
        if (moved < 0) {
            if (i == 0)
                close(ends[1]);
            else
                close(ends[0]);
            return -error;
        }
    }
    *ret_read = ends[0];
    *ret_write = ends[1];
    return 0;
}

void process_close(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

/* The program's ends, for as long as it takes to start it. */
struct theirs {
    int in, out, err, life;
};

static int open_pipes(struct process *ours, struct theirs *theirs)
{
    int error = make_pipe(&theirs->in, &ours->in);
    if (!error)
        error = make_pipe(&ours->out, &theirs->out);
    if (!error)
        error = make_pipe(&ours->err, &theirs->err);
    if (!error)
        error = make_pipe(&theirs->life, &ours->life);
    const int not_blocking[] = { ours->in, ours->out, ours->err };
    for (size_t i = 0; !error && i < sizeof not_blocking / sizeof not_blocking[0]; i++)
        if (fcntl(not_blocking[i], F_SETFL, O_NONBLOCK) < 0)
            error = -errno;
    return error;
}

/* A positive errno, as the posix_spawn functions have it. */
static int fill_actions(posix_spawn_file_actions_t *actions, const struct theirs *theirs,
                        const char *directory)
{
    int error = 0;

    if (directory)
        error = posix_spawn_file_actions_addchdir_np(actions, directory);
    if (!error)
        error = posix_spawn_file_actions_adddup2(actions, theirs->in, STDIN_FILENO);
    if (!error)
        error = posix_spawn_file_actions_adddup2(actions, theirs->out, STDOUT_FILENO);
    if (!error)
        error = posix_spawn_file_actions_adddup2(actions, theirs->err, STDERR_FILENO);
    if (!error)
        error = posix_spawn_file_actions_adddup2(actions, theirs->life, LIFE_FD);
    /* ours are all close-on-exec, but a library's or another plugin's may not be */
    if (!error)
        error = posix_spawn_file_actions_addclosefrom_np(actions, FIRST_CLOSED_FD);
    return error;
}

/* A group of its own, and signals as a program expects them, whatever this thread blocks. */
static int fill_attributes(posix_spawnattr_t *attributes)
{
    sigset_t none, all;

    sigemptyset(&none);
    sigfillset(&all);
    sigdelset(&all, SIGKILL);
    sigdelset(&all, SIGSTOP);
    int error = posix_spawnattr_setflags(
        attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    if (!error)
        error = posix_spawnattr_setpgroup(attributes, 0);
    if (!error)
        error = posix_spawnattr_setsigmask(attributes, &none);
    if (!error)
        error = posix_spawnattr_setsigdefault(attributes, &all);
    return error;
}

static int spawn(const struct exec_options *options, const char *file, char *const *environment,
                 const struct theirs *theirs, pid_t *ret_pid)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;

    int error = posix_spawn_file_actions_init(&actions);
    if (error)
        return -error;
    error = posix_spawnattr_init(&attributes);
    if (error)
        goto free_actions;
    error = fill_actions(&actions, theirs, options->directory);
    if (!error)
        error = fill_attributes(&attributes);
    if (!error) /* execve does not write to its arguments; its prototype is older than const */
        error = posix_spawn(ret_pid, file, &actions, &attributes, (char *const *) options->command,
                            environment);
    posix_spawnattr_destroy(&attributes);
free_actions:
    posix_spawn_file_actions_destroy(&actions);
    return -error;
}

int process_start(const struct exec_options *options, char *const *environment,
                  struct process *ret_process, char *why, size_t why_size)
{
    struct process process = PROCESS_NONE;
    struct theirs theirs = { .in = -1, .out = -1, .err = -1, .life = -1 };
    char file[PATH_MAX];

    int error = program_find(options->command[0], options->path, file);
    if (!error)
        error = open_pipes(&process, &theirs);
    if (!error)
        error = spawn(options, file, environment, &theirs, &process.pid);
    if (error) {
        program_explain(-error, options->command[0], options->path, options->directory, why,
                        why_size);
        process_close(&process.in);
        process_close(&process.out);
        process_close(&process.err);
        process_close(&process.life);
    } else {
        /* Set only now because the group has no number before. dueqd dying in between leaves a
         * program that runs to its end unsupervised, as if the job had been run twice: what a
         * handler has to bear anyway. */
        fcntl(theirs.life, F_SETOWN, -process.pid);
        fcntl(theirs.life, F_SETSIG, SIGTERM);
        fcntl(theirs.life, F_SETFL, O_ASYNC);
        process.pidfd = pidfd_open(process.pid, 0);
        *ret_process = process;
    }
    process_close(&theirs.in);
    process_close(&theirs.out);
    process_close(&theirs.err);
    process_close(&theirs.life);
    return error;
}

void process_signal(const struct process *process, int signal)
{
    if (process->lost)
        return;
    kill(-process->pid, signal);
    if (signal == SIGTERM) /* one that is stopped would not see it */
        kill(-process->pid, SIGCONT);
}

bool process_ended(struct process *process)
{
    siginfo_t info = { 0 };

    if (waitid(P_PID, (id_t) process->pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0)
        return info.si_pid != 0;
    /* Where SIGCHLD is ignored there is no zombie: the number may already be another's. */
    if (errno == ECHILD)
        process->lost = true;
    return process->lost;
}

int process_reap(struct process *process)
{
    int status = EXIT_STATUS_LOST;

    /* The zombie keeps the number, so this cannot hit a stranger's group. */
    process_signal(process, SIGKILL);
    if (!process->lost)
        while (waitpid(process->pid, &status, 0) < 0 && errno == EINTR)
            ;
    process_close(&process->life);
    process_close(&process->pidfd);
    process->pid = 0;
    return status;
}
