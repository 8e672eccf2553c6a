#pragma once

#include <stdbool.h>
#include <sys/types.h>

/* A program that lives no longer than we do: the kernel ends it when we die, however we die. Only
 * for a process with one thread. */
struct child {
    const char *name; /* for messages */
    pid_t pid;        /* 0: not running */
    int status;       /* once it has ended, an exit status: 128 + the signal that ended it */
};

struct child_spec {
    const char *const *argv;        /* argv[0] is looked for in PATH if it has no slash */
    const char *const *environment; /* "NAME=value" on top of ours; NULL: none */
    const char *log;  /* standard output and error are appended to it; NULL: they stay ours */
    int death_signal; /* what it gets when we die */
    bool own_group;   /* a signal from the terminal does not reach it */
};

/* Blocks the signals that child_wait waits for. Before the first child. */
void child_signals_init(void);

/* 0, or a negative errno, also for a program that cannot be executed. */
int child_start(struct child *child, const char *name, const struct child_spec *spec)
    __attribute__((warn_unused_result));

/* Waits for the end of one of the children, for SIGINT, SIGTERM or SIGHUP, or for so long; -1: for
 * ever. True: such a signal came. Children that have ended have pid 0 afterwards. */
bool child_wait(struct child *const *children, size_t count, long timeout_ms);

/* Nothing where it is not running. */
void child_signal(const struct child *child, int signal_number);
