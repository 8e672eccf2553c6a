#include "doorbell.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "arrivals.h"
#include "binlog.h"
#include "clock.h"
#include "link.h"
#include "source.h"
#include "source_ring.h"

enum {
    HEARTBEAT_US = 1000000,      /* of the server while it writes nothing, at the most */
    WAIT_US = 200000,            /* between two looks at how the keeper is */
    GONE_PAUSE_US = 1000000,     /* before it starts at the end of the binlog again */
    REFUSED_PAUSE_US = 60000000, /* somebody must do something first */
    QUICK_REFUSALS = 3,          /* so often in a row it may be bad luck */
};

struct doorbell {
    struct source *source;
    pthread_t thread;
    struct link link;
    struct arrivals arrivals;
    int64_t clock_ahead_us; /* the server's time less clock_now_us, or a little more */
    unsigned keeper_opened; /* the keeper's connection that this one goes with */
    unsigned refusals;      /* of a place in the binlog, shortly one after the other */
    int64_t began_us;       /* when it began to work; 0: not since the last end */
    bool said;              /* the log has why it does not work */

    struct mutex lock;
    struct condition wake;
    bool ending;   /* lock, as below */
    struct db *db; /* while its owner waits for events: to be aborted */
};

/* Waits, unless it is to end. */
static bool pause_for(struct doorbell *doorbell, int64_t pause_us)
{
    int64_t until_us = clock_now_us() + pause_us;

    mutex_lock(&doorbell->lock);
    while (!doorbell->ending && condition_wait_until(&doorbell->wake, &doorbell->lock, until_us))
        ;
    bool ending = doorbell->ending;
    mutex_unlock(&doorbell->lock);
    return !ending;
}

/* Says which connection can be aborted from now on; NULL: none. False: it is to end. */
static bool publish(struct doorbell *doorbell, struct db *db)
{
    mutex_lock(&doorbell->lock);
    doorbell->db = db;
    bool ending = doorbell->ending;
    mutex_unlock(&doorbell->lock);
    return !ending;
}

/* 0: the keeper is not connected, and there is nothing to ring for. */
static unsigned keeper_opened(struct source *source)
{
    mutex_lock(&source->lock);
    unsigned opened = source->ready ? source->keeper_opened : 0;
    mutex_unlock(&source->lock);
    return opened;
}

/* In words, once until it has worked in between: it is tried again for as long as the daemon lives.
 */
static void say(struct doorbell *doorbell, enum binlog_trouble trouble, const struct error *error)
{
    if (doorbell->said)
        return;
    doorbell->said = true;
    log_warning("the doorbell does not work, the queues are polled: %s%s: source=%s", error->text,
                binlog_advice(trouble), doorbell->source->config->name);
}

static void ring(struct doorbell *doorbell, const struct arrivals *arrivals)
{
    struct source *source = doorbell->source;
    int64_t now_us = clock_now_us() + doorbell->clock_ahead_us;

    /* The server's clock as it was read when this stream began; both clocks may have gone their
     * ways since. The commit's own time, in whole seconds, corrects that one way: the look is early
     * then, by less than a second, and finds out for when to be set exactly. */
    int64_t committed_us = ((int64_t) arrivals->committed_s + 1) * 1000000;
    if (arrivals->committed_s && committed_us > now_us)
        now_us = committed_us;
    if (arrivals->anything)
        source_ring(source, NULL, 0, 1);
    for (size_t i = 0; i < arrivals->queue_count; i++) {
        const struct arrival *arrival = &arrivals->queues[i];
        source_ring(source, arrival->queue, arrival->first_us - now_us, arrival->jobs);
    }
    if (arrivals->control)
        source_ring_control(source);
}

static enum db_status read_clock(struct doorbell *doorbell, struct db *db, struct error *error)
{
    uint64_t server_us = 0;
    int64_t before_us = clock_now_us(); /* not the middle: rather too early than too late */
    enum db_status status = db_query_u64(
        db, "SELECT CAST(UNIX_TIMESTAMP(NOW(6)) * 1000000 AS UNSIGNED)", &server_us, error);
    doorbell->clock_ahead_us = (int64_t) server_us - before_us;
    return status;
}

/* It works from the first event on: a server refuses only when it is to send one. */
static void works(struct doorbell *doorbell)
{
    struct source *source = doorbell->source;

    link_report(&doorbell->link, DB_OK, NULL);
    log_info("the doorbell works: source=%s", source->config->name);
    doorbell->said = false;
    doorbell->began_us = clock_now_us();
    source_set_doorbell(source, true);
    source_ring(source, NULL, 0, 1); /* what was committed before */
}

static enum db_status follow(struct doorbell *doorbell, struct binlog *binlog,
                             enum binlog_trouble *ret_trouble, struct error *error)
{
    const unsigned char *event;
    size_t len;
    bool begun = false;
    int64_t look_at_us = 0;

    arrivals_begin(&doorbell->arrivals);
    for (;;) {
        enum db_status status = binlog_next(binlog, &event, &len, ret_trouble, error);
        if (status != DB_OK)
            return status;
        if (!begun)
            works(doorbell);
        begun = true;
        if (arrivals_read(&doorbell->arrivals, event, len))
            ring(doorbell, &doorbell->arrivals);
        /* A keeper that has connected anew may have come to another server. Not asked with each
         * event: the lock is the lanes'. */
        int64_t now_us = clock_now_us();
        if (now_us < look_at_us)
            continue;
        if (keeper_opened(doorbell->source) != doorbell->keeper_opened)
            return DB_OK;
        look_at_us = now_us + WAIT_US;
    }
}

/* DB_OK: it was to end, or the keeper's connection is another one now. */
static enum db_status run(struct doorbell *doorbell, struct db *db,
                          enum binlog_trouble *ret_trouble, struct error *error)
{
    struct binlog *binlog = NULL;
    int64_t heartbeat_us = doorbell->source->config->read_timeout_us / 2;

    if (heartbeat_us > HEARTBEAT_US)
        heartbeat_us = HEARTBEAT_US;
    enum db_status status = arrivals_open(&doorbell->arrivals, db, error);
    if (status == DB_OK)
        status = read_clock(doorbell, db, error);
    if (status == DB_OK)
        status = binlog_open(db, heartbeat_us, &binlog, ret_trouble, error);
    if (status == DB_OK)
        status = follow(doorbell, binlog, ret_trouble, error);
    binlog_close(binlog);
    return status;
}

/* What is to be done about the end of a stream, and how long to wait before the next one. */
static int64_t conclude(struct doorbell *doorbell, enum db_status status,
                        enum binlog_trouble trouble, const struct error *error)
{
    if (status == DB_OK)
        return 0;
    if (status != DB_FATAL) { /* the link knows how long to wait, and what to say */
        link_report(&doorbell->link, DB_LOST, error);
        return 0;
    }
    if (doorbell->began_us && clock_now_us() - doorbell->began_us > REFUSED_PAUSE_US)
        doorbell->refusals = 0;
    doorbell->began_us = 0;
    if (trouble == BINLOG_GONE && doorbell->refusals++ < QUICK_REFUSALS) {
        log_info("the doorbell has lost its place in the binlog and starts at its end again: %s: "
                 "source=%s",
                 error->text, doorbell->source->config->name);
        return GONE_PAUSE_US;
    }
    say(doorbell, trouble, error);
    return REFUSED_PAUSE_US;
}

static void *doorbell_main(void *arg)
{
    struct doorbell *doorbell = arg;
    struct source *source = doorbell->source;
    int64_t pause_us = 0;

    db_thread_init();
    while (pause_for(doorbell, pause_us)) {
        struct error error = { "" };
        enum binlog_trouble trouble = BINLOG_OTHER;

        doorbell->keeper_opened = keeper_opened(source);
        struct db *db = doorbell->keeper_opened ? link_get(&doorbell->link) : NULL;
        if (!db) {
            int64_t retry_us = doorbell->link.retry_at_us - clock_now_us();
            pause_us = retry_us > 0 && retry_us < WAIT_US ? retry_us : WAIT_US;
            continue;
        }
        enum db_status status = DB_OK;
        if (publish(doorbell, db))
            status = run(doorbell, db, &trouble, &error);
        bool ending = !publish(doorbell, NULL);
        source_set_doorbell(source, false);
        if (!ending)
            pause_us = conclude(doorbell, status, trouble, &error);
        link_close(&doorbell->link);
    }
    db_thread_done();
    return NULL;
}

int doorbell_start(struct source *source, struct doorbell **ret_doorbell)
{
    if (source->config->doorbell == CONFIG_DOORBELL_OFF) {
        *ret_doorbell = NULL;
        return 0;
    }
    struct doorbell *doorbell = calloc(1, sizeof *doorbell);
    if (!doorbell)
        return -ENOMEM;
    doorbell->source = source;
    doorbell->link =
        (struct link){ .source = source->config, .route = &source->route, .owner = "doorbell" };
    mutex_init(&doorbell->lock);
    condition_init(&doorbell->wake);
    int error = thread_start(&doorbell->thread, "doorbell", doorbell_main, doorbell);
    if (error) {
        condition_done(&doorbell->wake);
        mutex_done(&doorbell->lock);
        free(doorbell);
        return error;
    }
    *ret_doorbell = doorbell;
    return 0;
}

void doorbell_end(struct doorbell *doorbell)
{
    if (!doorbell)
        return;
    mutex_lock(&doorbell->lock);
    doorbell->ending = true;
    if (doorbell->db) /* under the lock, or it might be closed meanwhile; it only shuts a socket */
        db_abort(doorbell->db);
    condition_signal(&doorbell->wake);
    mutex_unlock(&doorbell->lock);
}

void doorbell_join(struct doorbell *doorbell)
{
    if (!doorbell)
        return;
    doorbell_end(doorbell);
    pthread_join(doorbell->thread, NULL);
    condition_done(&doorbell->wake);
    mutex_done(&doorbell->lock);
    free(doorbell);
}
