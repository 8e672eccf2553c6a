#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dueq_handler.h"
#include "options.h"
#include "process.h"
#include "stderr_log.h"
#include "text.h"

/* The long-lived children of an instance. Threads that run jobs borrow one at a time and talk to it
 * over `in` and `out`; one keeper thread owns the processes: it starts them when somebody waits for
 * one, reads their stderr, ends them and collects them. So a child's death is noticed also where
 * nobody is using it, and no thread of dueqd ever waits for a process that another one may have
 * collected.
 *
 *     NONE -> STARTING -> IDLE <-> LENT -> NONE      children_take, _give_back; _stop, _release
 *     IDLE, LENT -> LEAVING -> NONE                  closing; max_jobs reached */

enum child_state {
    CHILD_NONE, /* no process */
    CHILD_STARTING,
    CHILD_IDLE,
    CHILD_LENT,
    CHILD_LEAVING, /* its stdin is closed; nobody will use it again */
};

enum child_end {
    CHILD_STAYS,
    CHILD_ENDS_BY_ITSELF, /* SIGTERM only if the end of its stdin does not do */
    CHILD_ENDS_NOW,
};

struct child {
    /* in and out: the borrower's while LENT, else the keeper's. The rest: the keeper's. */
    struct process process;
    struct stderr_log log; /* the keeper's, as the next two */
    int next_signal;       /* 0: none was asked for yet */
    int64_t next_signal_us;

    /* children->lock */
    enum child_state state;
    enum child_end end;
    bool over; /* LENT: the process is gone, `status` says how */
    int status;
    uint64_t jobs;    /* that it has answered */
    struct tail tail; /* of its stderr since its last answer */
};

enum { CHILDREN_FAILURE_SIZE = 512 };

struct pollfd;

struct children {
    const struct dueq_host *host;
    const struct exec_options *options;
    pthread_t keeper;
    int doorbell;       /* eventfd: the keeper is to look */
    struct pollfd *fds; /* the keeper's, room for the doorbell and two a child */

    pthread_mutex_t lock; /* of all below */
    pthread_cond_t idle;  /* one is IDLE, or none will be soon */
    pthread_cond_t over;
    struct child *each; /* options->children of them */
    size_t waiting;     /* threads in children_take */
    bool closing;

    /* Starts that came to nothing, one after the other: the program could not be run, or ended (or
     * talked nonsense) before it had answered a job. The next start waits, longer each time. */
    unsigned failures;
    int64_t not_before_us;
    char failure[CHILDREN_FAILURE_SIZE]; /* what was wrong with the last one */
};

/* 0 or a negative errno. Starts the keeper, no child yet. options: borrowed until children_free. */
int children_new(const struct dueq_host *host, const struct exec_options *options,
                 struct children **ret_children) __attribute__((warn_unused_result));

/* Ends every child: closes its stdin, SIGTERM a second later, SIGKILL kill_after later, and returns
 * when all are collected. None may be lent. Takes NULL. */
void children_free(struct children *children);

enum children_answer {
    CHILDREN_LENT,
    CHILDREN_STOPPED, /* the attempt was to stop before one was free */
    CHILDREN_PAUSED,  /* there is none, and the next start has to wait: *ret_pause */
};

struct children_pause {
    int64_t left_us;
    char why[CHILDREN_FAILURE_SIZE];
};

/* Waits for a free child. */
enum children_answer children_take(struct children *children, const struct dueq_job *job,
                                   struct child **ret_child, struct children_pause *ret_pause);

/* It has answered and can take the next job. */
void children_give_back(struct children *children, struct child *child);

/* Whether a child that is lent has ended by itself. */
bool children_is_over(struct children *children, const struct child *child);

/* It cannot be used any more: SIGTERM, SIGKILL after kill_after, and returns once it is collected;
 * child->status and child->tail may then be read. At once where it has ended by itself. */
void children_stop(struct children *children, struct child *child);

/* After children_stop: its place is free for a new one. blameless: it did not end for a fault of
 * its own, so that the next one is started without a pause also if it had answered nothing. */
void children_release(struct children *children, struct child *child, bool blameless);

/* "exit status 1 (…)" and the end of what it said, behind what the message says already. Of a child
 * that is collected. */
void children_add_end_of(const struct child *child, struct dueq_result *result);

/* The keeper's and children_release's: a start that came to nothing, remembered and logged. child:
 * the one that ended, or NULL. Called without the lock. */
void children_start_failed(struct children *children, const char *what, const struct child *child);
