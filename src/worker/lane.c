#include "lane.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "clock.h"
#include "dispatch.h"
#include "lane_settle.h"
#include "link.h"
#include "source.h"
#include "thread.h"

struct lane {
    struct source *source;
    pthread_t thread;
    char name[32];
    struct link link;
    struct dispatch *dispatch;
    struct lane_settle settle;
    _Atomic int64_t beat_us;
};

/* Without a connection a lane can do nothing; it must not spin, nor sleep through the end of the
 * daemon. */
static void pause_for_connection(struct lane *lane)
{
    struct source *source = lane->source;
    int64_t until_us = clock_now_us() + 1000000;
    if (lane->link.retry_at_us < until_us)
        until_us = lane->link.retry_at_us;
    mutex_lock(&source->lock);
    condition_wait_until(&source->wake, &source->lock, until_us);
    mutex_unlock(&source->lock);
}

static void *lane_main(void *arg)
{
    struct lane *lane = arg;
    struct source *source = lane->source;

    db_thread_init();
    for (;;) {
        struct assignment todo = { .entry_count = 0 };
        enum work work = source_next_work(source, &todo, clock_now_us() + LINK_LOOK_EVERY_US,
                                          &lane->beat_us);
        if (work == WORK_END)
            break;
        if (work == WORK_NONE) {
            link_keep_alive(&lane->link);
            continue;
        }
        struct db *db = work == WORK_PROBE ? link_get(&lane->link) : link_get_to_lock(&lane->link);
        lane->beat_us = clock_now_us();
        if (work == WORK_SETTLE)
            lane_settle_tasks(&lane->settle, source, &lane->link, db, &todo.tasks);
        else if (db && work == WORK_PROBE)
            dispatch_probe(lane->dispatch, &lane->link, db, todo.entries, todo.entry_count);
        else if (db)
            dispatch_claim(lane->dispatch, &lane->link, db, todo.entries[0]);
        if (work == WORK_CLAIM)
            source_end_claim(source);
        if (!lane->link.db)
            pause_for_connection(lane);
    }
    lane->beat_us = INT64_MAX; /* it need not move any more, while other sources still drain */
    link_close(&lane->link);
    db_thread_done();
    return NULL;
}

static int lane_start(struct lane *lane, struct source *source, uint32_t number)
{
    lane->source = source;
    snprintf(lane->name, sizeof lane->name, "lane %.8s/%u", source->config->name, number);
    lane->link =
        (struct link){ .source = source->config, .route = &source->route, .owner = lane->name };
    lane->beat_us = clock_now_us();
    lane->dispatch = dispatch_new(source);
    if (!lane->dispatch)
        return -ENOMEM;
    return thread_start(&lane->thread, lane->name, lane_main, lane);
}

int lanes_start(struct source *source, uint32_t count, struct lane **ret_lanes, uint32_t *ret_count)
{
    struct lane *lanes = calloc(count, sizeof *lanes);
    if (!lanes)
        return -ENOMEM;
    *ret_lanes = lanes;
    *ret_count = 0;
    for (uint32_t i = 0; i < count; i++) {
        int error = lane_start(&lanes[i], source, i);
        if (error) {
            dispatch_free(lanes[i].dispatch);
            return error;
        }
        (*ret_count)++;
    }
    return 0;
}

void lanes_join(struct lane *lanes, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        pthread_join(lanes[i].thread, NULL);
        dispatch_free(lanes[i].dispatch);
        lane_settle_done(&lanes[i].settle);
    }
    free(lanes);
}

int64_t lanes_beat_us(const struct lane *lanes, uint32_t count)
{
    int64_t oldest_us = INT64_MAX;
    for (uint32_t i = 0; i < count; i++)
        if (lanes[i].beat_us < oldest_us)
            oldest_us = lanes[i].beat_us;
    return oldest_us;
}
