#include "source.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "clock.h"
#include "doorbell.h"
#include "keeper.h"
#include "lane.h"
#include "ledger.h"
#include "lease_token.h"
#include "random.h"
#include "run_time.h"
#include "task.h"

int source_new(const struct config *all, const struct config_source *config,
               const struct registry *registry, struct pool **pools, const char *worker,
               struct ledger *ledger, struct source **ret_source)
{
    struct source *source = calloc(1, sizeof *source);
    if (!source)
        return -ENOMEM;
    source->all = all;
    source->config = config;
    source->registry = registry;
    source->pools = pools;
    source->worker = worker;
    source->ledger = ledger;
    source->ledger_worker = LEDGER_NO_WORKER;
    source->schema_ok = true;
    source->next_token = random_u64();
    mutex_init(&source->lock);
    condition_init(&source->wake);
    condition_init(&source->keeper_wake);
    source->unbound = unbound_new();
    source->binding_count = registry ? registry_count(registry) : 0;
    source->run_times = calloc(source->binding_count + 1, sizeof *source->run_times);
    if (!source->unbound || !source->run_times || route_init(&source->route, config) != 0 ||
        agenda_init(&source->agenda, all->queues, all->queue_count, clock_now_us()) != 0) {
        source_free(source);
        return -ENOMEM;
    }
    *ret_source = source;
    return 0;
}

int source_start(struct source *source)
{
    int error = keeper_start(source, &source->keeper);
    if (!error)
        error = lanes_start(source, source->config->lanes, &source->lanes, &source->lane_count);
    if (!error)
        error = doorbell_start(source, &source->doorbell);
    return error;
}

void source_drain(struct source *source)
{
    mutex_lock(&source->lock);
    source->draining = true;
    condition_broadcast(&source->wake);
    condition_signal(&source->keeper_wake);
    mutex_unlock(&source->lock);
    doorbell_end(source->doorbell);
}

bool source_drained(struct source *source)
{
    mutex_lock(&source->lock);
    bool drained = source->draining && source->claiming == 0 && source->in_flight.count == 0;
    mutex_unlock(&source->lock);
    return drained;
}

bool source_is_ready(struct source *source)
{
    mutex_lock(&source->lock);
    bool ready = source->ready;
    mutex_unlock(&source->lock);
    return ready;
}

void source_stop(struct source *source)
{
    mutex_lock(&source->lock);
    source->draining = true;
    source->stopping = true;
    condition_broadcast(&source->wake);
    mutex_unlock(&source->lock);
    doorbell_join(source->doorbell);
    source->doorbell = NULL;
    lanes_join(source->lanes, source->lane_count);
    source->lanes = NULL;
    source->lane_count = 0;

    mutex_lock(&source->lock);
    source->lanes_ended = true;
    condition_signal(&source->keeper_wake);
    mutex_unlock(&source->lock);
    keeper_join(source->keeper);
    source->keeper = NULL;
}

void source_free(struct source *source)
{
    if (!source)
        return;
    assert(!source->lanes && !source->keeper && !source->doorbell);
    agenda_done(&source->agenda);
    route_done(&source->route);
    unbound_free(source->unbound);
    free(source->run_times);
    condition_done(&source->keeper_wake);
    condition_done(&source->wake);
    mutex_done(&source->lock);
    free(source);
}

int64_t source_beat_us(struct source *source)
{
    int64_t oldest_us = keeper_beat_us(source->keeper);
    int64_t lanes_us = lanes_beat_us(source->lanes, source->lane_count);
    return oldest_us < lanes_us ? oldest_us : lanes_us;
}

void source_kick(struct source *source)
{
    mutex_lock(&source->lock);
    for (size_t i = 0; i < source->agenda.count; i++)
        agenda_hurry(&source->agenda.entries[i], 0);
    condition_broadcast(&source->wake);
    mutex_unlock(&source->lock);
}

uint64_t source_token(struct source *source)
{
    mutex_lock(&source->lock);
    uint64_t token = lease_token(source->worker_id, source->next_token++);
    mutex_unlock(&source->lock);
    return token;
}
