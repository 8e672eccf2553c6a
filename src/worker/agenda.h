#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config.h"
#include "probe.h"
#include "ring.h"
#include "watermark.h"

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
    int64_t reprobe_us;   /* how long that may be ago while claims find jobs */
    int64_t active_us;    /* when something was due last */
    bool due[PRIORITIES]; /* where jobs were due when last looked */
    int64_t alarm_us;     /* when the next one will be due, as far as we know; 0: we do not */
    int alarm_priority;   /* and where */
    int64_t alarm_at_us;  /* the same instant by the database's clock */
    int64_t only_us; /* nothing is known to be due but what is due at this instant; 0: not so */
    int64_t seen_us; /* what was due by then has been seen; the database's clock */
    bool ahead; /* and is locked by others: only what is due later is looked for, for the alarm */

    struct watermark watermarks[PRIORITIES];
    bool looked_behind;      /* the next claim begins behind one for that */
    unsigned set_backs;      /* how often one was set back */
    int64_t unbounded_at_us; /* not before this is the queue looked at without them */

    int64_t credit;    /* of the weighted round robin */
    size_t mean_bytes; /* of the payloads claimed lately */
    bool read;         /* by a claim of ours: what another would find is locked by that one */
    bool awaited;      /* and a lane waits for the end of that */
    bool blocked;      /* its pool had no room when last looked */
    uint32_t at_most; /* rows a claim may take: fewer while one that is refused is looked for; 0: no
                         such limit */
    int64_t starved_us;   /* since when jobs are due but none can be locked; 0: not so */
    int starved_priority; /* and where */
    struct ring ring;     /* what was heard of jobs that came, beside next_us */
};

struct agenda {
    struct agenda_entry *entries;
    size_t count;
    bool doorbell; /* something else says when a job comes: polling is the safety net only */
};

/* What one claim found. */
struct agenda_claim {
    int priority;
    struct watermark_claim found;
    unsigned set_backs; /* as the entry had it when the claim began */
    int64_t asked_us;   /* when that was */
};

/* queues: borrowed; they count as active until now_us has been for a while. 0 or -ENOMEM. */
int agenda_init(struct agenda *agenda, const struct config_queue *queues, size_t count,
                int64_t now_us) __attribute__((warn_unused_result));
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

/* Nothing is known to be due, or what is known is so old that a better priority may be hidden. */
bool agenda_wants_probe(const struct agenda_entry *entry, int64_t now_us);

/* The queues to probe together with `entry`, which comes first: one statement does for all whose
 * time has come, or nearly, and that puts off the next time of each. Returns how many. */
size_t agenda_probe_round(struct agenda *agenda, struct agenda_entry *entry, int64_t now_us,
                          struct agenda_entry **ret_entries, size_t max);

/* With the watermarks, or without them where it is time for that. */
void agenda_fill_request(const struct agenda_entry *entry, int64_t now_us,
                         struct probe_request *ret_request);

/* What a probe found; it was sent at asked_us with this request. */
void agenda_probed(const struct agenda *agenda, struct agenda_entry *entry,
                   const struct probe_request *request, const struct probe *probe, int64_t asked_us,
                   int64_t now_us);

/* One claim of ours reads a queue at a time. False: one does. */
bool agenda_begin_read(struct agenda_entry *entry);
/* True: a lane has to be woken, for there is more to do. */
bool agenda_end_read(struct agenda_entry *entry, int64_t now_us);

/* A transaction of ours has let go of what it had locked in the queue, which may be more than it
 * took. True: a lane has to be woken, for that may be what another one found locked. */
bool agenda_let_go(struct agenda_entry *entry, int64_t now_us);

void agenda_claimed(struct agenda_entry *entry, const struct agenda_claim *claim, int64_t now_us);

/* The database took what a claim of `count` rows wrote, or refused it: then the next ones take
 * fewer, until the one that is refused for its own sake stands alone. */
void agenda_accepted(struct agenda_entry *entry);
void agenda_refused(struct agenda_entry *entry, size_t count);

/* A row that can neither be claimed nor put aside must not stand before the others: it is passed
 * over until the queue is looked at without the watermarks again. */
void agenda_pass_over(struct agenda_entry *entry, int priority, int64_t due_at_us);

/* Rows that a claim had taken are free again, the earliest of them due since `due_at_us` of the
 * database's clock. */
void agenda_set_back(struct agenda_entry *entry, int priority, int64_t due_at_us, int64_t now_us);

/* A claim at `priority` found only rows that it had to leave as they are. */
void agenda_stuck(struct agenda_entry *entry, int priority, int64_t now_us);

/* Look no later than this. */
void agenda_hurry(struct agenda_entry *entry, int64_t at_us);
/* Not before this: no room, or no rate left. */
void agenda_put_off(struct agenda_entry *entry, int64_t until_us);

struct agenda_entry *agenda_find(struct agenda *agenda, const char *queue);

/* There is room in a pool again for queues that found none. False: none is waiting for that. */
bool agenda_unblock(struct agenda *agenda);
