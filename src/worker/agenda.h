#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config.h"
#include "probe.h"
#include "ring.h"

/* What the lanes of a source know about each queue, and whose turn it is. Pure: no lock, no clock,
 * no database; the source guards it with its own lock. */
struct agenda_entry {
    const struct config_queue *queue;
    bool paused;
    uint32_t concurrency; /* of dueq_queue; 0: not set */
    uint32_t rate;        /* jobs a second; 0: no limit */
    double tokens;        /* of the rate; at most one second's */
    int64_t tokens_at_us;
    int64_t next_us;      /* when to look again */
    int64_t probed_us;    /* when `due` was read; 0: never */
    bool due[PRIORITIES]; /* where jobs were due when last looked */
    int64_t credit;       /* of the weighted round robin */
    bool blocked;         /* its pool had no room when last looked */
    int64_t starved_us;   /* since when jobs are due but none can be locked; 0: not so */
    struct ring ring;     /* what was heard of jobs that came, beside next_us */
};

struct agenda {
    struct agenda_entry *entries;
    size_t count;
};

/* queues: borrowed. 0 or -ENOMEM. */
int agenda_init(struct agenda *agenda, const struct config_queue *queues, size_t count)
    __attribute__((warn_unused_result));
void agenda_done(struct agenda *agenda);

/* Chooses the queue to look at now, by weight among those whose time has come, and puts off its
 * next time by its poll interval unless more is known to be due, so that one lane polls an idle
 * queue and all of them work on a full one. NULL: none; *ret_next_us is then when the next one's
 * time comes. */
struct agenda_entry *agenda_take(struct agenda *agenda, int64_t now_us, int64_t *ret_next_us);

/* The first priority known to be due; -1: none. */
int agenda_priority(const struct agenda_entry *entry);

/* How many jobs the rate allows now, at most `want`; takes them. */
uint32_t agenda_allow(struct agenda_entry *entry, uint32_t want, int64_t now_us);
void agenda_allow_back(struct agenda_entry *entry, uint32_t count);

/* When the queue is to be looked at next, by itself or because something rang. */
int64_t agenda_next_us(const struct agenda_entry *entry);

/* What a probe found. */
void agenda_probed(struct agenda_entry *entry, const struct probe *probe, int64_t now_us);

/* What a claim at `priority` found: `claimed` rows, and `full` if there may be more. */
void agenda_claimed(struct agenda_entry *entry, int priority, size_t claimed, bool full,
                    int64_t now_us);

/* A claim at `priority` found only rows that it had to leave as they are. */
void agenda_stuck(struct agenda_entry *entry, int priority, int64_t now_us);

/* Look no later than this. */
void agenda_hurry(struct agenda_entry *entry, int64_t at_us);
/* Not before this: no room, or no rate left. */
void agenda_put_off(struct agenda_entry *entry, int64_t until_us);

struct agenda_entry *agenda_find(struct agenda *agenda, const char *queue);
