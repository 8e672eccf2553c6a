#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "channel.h"
#include "config.h"
#include "error.h"
#include "options.h"
#include "thread.h"

/* One dueq-host: a process that runs the jobs of one kind with the very plugin that would run them
 * in dueqd. Each of its slots runs one job at a time, in a thread of its own, and has a channel of
 * its own; so that a slot is spoken with by one thread here, and slots know nothing of each other.
 *
 * The process ends when it is told to, when it is killed, and when dueqd is gone. */

/* What it is to be; borrowed for host_process_start. */
struct host_plan {
    const char *program;
    int plugin; /* the plugin's file, open */
    const char *handler;
    const char *pattern;
    struct options_place place;
    const struct config_option *options;
    size_t option_count;
    const struct config_process *config;
};

/* How it ended. */
struct host_end {
    int status;     /* as waitpid says */
    int fault_slot; /* whose thread brought the signal about; -1: not known */
    int killed_for; /* the slot that host_process_kill was called for; -1: it was not */
};

struct host_process {
    struct channel control;
    struct host_slot {
        struct host_process *process;
        int index;
        bool busy; /* the owner's */
        struct channel channel;
        struct buffer frame; /* what is sent */
    } * slots;
    size_t slot_count;
    size_t busy_count; /* the owner's, as jobs */
    uint64_t jobs;     /* it was given */
    bool given_up;     /* nobody gets a slot of it any more */

    struct mutex lock; /* of all below */
    pid_t pid;         /* 0: it has been waited for */
    int killed_for;
    struct host_end end; /* if it has been waited for */
};

/* Starts it, and returns when the plugin's open() has: 0; -EINVAL, where open() refused, with the
 * reasons, each with its place, in the report (may be NULL); another negative errno with the words
 * in `error`. */
int host_process_start(const struct host_plan *plan, struct host_process **ret_process,
                       struct config_report *report, struct error *error)
    __attribute__((warn_unused_result));

/* It has ended by itself. Never waits. Any thread. */
bool host_process_is_dead(struct host_process *process);

/* Ends it for certain, with all that it has started, because of a slot whose job does not stop. Any
 * thread. */
void host_process_kill(struct host_process *process, int slot);

/* Ends what is left of it, waits for that, and says how it ended. Any thread. */
struct host_end host_process_bury(struct host_process *process);

/* Asks it to close the plugin and to end; no slot is busy. */
void host_process_finish(struct host_process *process);

/* It is dead. Takes NULL. */
void host_process_free(struct host_process *process);
