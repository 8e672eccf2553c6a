#include "route.h"

#include <errno.h>
#include <stdlib.h>

#include "random.h"

enum { FIRST_PAUSE_US = 200000, MAX_PAUSE_US = 15000000 };

int route_init(struct route *route, const struct config_source *source)
{
    size_t count = source->host_count ? source->host_count : 1;

    *route = (struct route){ .count = count };
    route->hosts = calloc(count, sizeof *route->hosts);
    if (!route->hosts)
        return -ENOMEM;
    route->hosts[0] = (struct route_host){ .host = source->host, .port = source->port };
    for (size_t i = 0; i < source->host_count; i++)
        route->hosts[i] = (struct route_host){ .host = source->hosts[i].host,
                                               .port = source->hosts[i].port ? source->hosts[i].port
                                                                             : source->port };
    mutex_init(&route->lock);
    return 0;
}

void route_done(struct route *route)
{
    if (!route->hosts)
        return;
    mutex_done(&route->lock);
    free(route->hosts);
}

static int64_t not_before_us(const struct route_host *host)
{
    return host->pause_us ? host->failed_us + host->pause_us : 0;
}

/* Several connections that break together are one failure. */
static void count_failure(struct route_host *host, int64_t now_us)
{
    if (host->pause_us && now_us - host->failed_us < host->pause_us / 4)
        return;
    host->pause_us = host->pause_us ? host->pause_us * 2 : FIRST_PAUSE_US;
    if (host->pause_us > MAX_PAUSE_US)
        host->pause_us = MAX_PAUSE_US;
    host->failed_us = now_us;
}

/* The next one in turn that is not left alone, or the one whose time comes first. */
static size_t choose(const struct route *route, size_t from, int64_t now_us)
{
    size_t best = from;
    for (size_t i = 1; i <= route->count; i++) {
        size_t index = (from + i) % route->count;
        if (not_before_us(&route->hosts[index]) <= now_us)
            return index;
        if (not_before_us(&route->hosts[index]) < not_before_us(&route->hosts[best]))
            best = index;
    }
    return best;
}

int64_t route_failed(struct route *route, size_t index, int64_t now_us)
{
    mutex_lock(&route->lock);
    count_failure(&route->hosts[index], now_us);
    if (index == route->current)
        route->current = choose(route, index, now_us);
    int64_t wait_us = not_before_us(&route->hosts[route->current]) - now_us;
    mutex_unlock(&route->lock);
    return wait_us > 0 ? now_us + (int64_t) ((double) wait_us * (0.5 + random_unit() / 2)) : now_us;
}

void route_worked(struct route *route, size_t index)
{
    mutex_lock(&route->lock);
    route->hosts[index].pause_us = 0;
    mutex_unlock(&route->lock);
}
