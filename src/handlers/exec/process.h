#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct exec_options;

/* A program that runs for us, in a process group of its own, and our ends of its pipes, which do
 * not block and are closed in every program started later.
 *
 * The group is how it is ended: with it goes what it has started itself. Should dueqd die, by kill
 * -9 or a fault in another plugin, the kernel sends the group SIGTERM: `life` is the writing end of
 * a pipe that nothing is written to; the program has inherited the other end as descriptor 3, with
 * O_ASYNC, the group as its owner and SIGTERM as its signal. (PR_SET_PDEATHSIG would need code
 * between fork and exec, follows the *thread* that forked, and reaches one process only.) */
struct process {
    pid_t pid;        /* 0: none */
    int pidfd;        /* readable once it has ended; -1 where the kernel has none to give */
    int in, out, err; /* -1: closed */
    int life;
    bool lost; /* somebody else in this process has collected its exit status */
};

#define PROCESS_NONE ((struct process){ .pidfd = -1, .in = -1, .out = -1, .err = -1, .life = -1 })

/* Starts options->command. Safe in a process of many threads (posix_spawn). 0, or a negative errno
 * and in `why` words for an operator. */
int process_start(const struct exec_options *options, char *const *environment,
                  struct process *ret_process, char *why, size_t why_size)
    __attribute__((warn_unused_result));

/* To the whole group. Only before process_reap. */
void process_signal(const struct process *process, int signal);

/* Whether it has ended. Leaves the zombie, and with it the group's number, in place. */
bool process_ended(struct process *process);

/* Collects one that has ended, after killing what is left of its group; the status as waitpid gives
 * it, or EXIT_STATUS_LOST. Closes `life` and `pidfd`; the other descriptors are the caller's to
 * close. */
int process_reap(struct process *process);

/* Closes one of the descriptors and sets it to -1. */
void process_close(int *fd);
