#include "destination.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "breaker.h"

enum {
    REST_US = 1000000, /* at first */
    /* Requests at the same time that are as good as no limit: so many at once a window grows to,
     * and then it is gone. */
    WINDOW_MAX = 1024,
};

struct destination {
    struct destination *next;
    unsigned references;
    bool tls;
    char *host;

    struct breaker breaker;
    unsigned window; /* requests at the same time; 0: no limit */
    unsigned running;
};

/* Of the list and of all in it. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct destination *all;

static struct destination *make(bool tls, const char *host, unsigned failures, int64_t rest_max_us)
{
    struct destination *destination = calloc(1, sizeof *destination);
    if (!destination)
        return NULL;
    destination->tls = tls;
    destination->host = strdup(host);
    destination->breaker =
        (struct breaker){ .limit = failures, .first_us = REST_US, .most_us = rest_max_us };
    if (!destination->host) {
        free(destination);
        return NULL;
    }
    destination->next = all;
    all = destination;
    return destination;
}

struct destination *destination_get(bool tls, const char *host, unsigned failures,
                                    int64_t rest_max_us)
{
    pthread_mutex_lock(&lock);
    struct destination *found = all;
    while (found && (found->tls != tls || strcmp(found->host, host) != 0))
        found = found->next;
    if (!found)
        found = make(tls, host, failures, rest_max_us);
    if (found)
        found->references++;
    pthread_mutex_unlock(&lock);
    return found;
}

void destination_put(struct destination *destination)
{
    if (!destination)
        return;
    pthread_mutex_lock(&lock);
    if (--destination->references == 0) {
        struct destination **at = &all;
        while (*at != destination)
            at = &(*at)->next;
        *at = destination->next;
        free(destination->host);
        free(destination);
    }
    pthread_mutex_unlock(&lock);
}

enum destination_answer destination_ask(struct destination *destination, int64_t now_us,
                                        int64_t *ret_wait_us)
{
    enum destination_answer answer = DESTINATION_BEGIN;

    pthread_mutex_lock(&lock);
    if (destination->window && destination->running >= destination->window)
        answer = DESTINATION_FULL;
    else if (!breaker_ask(&destination->breaker, now_us, ret_wait_us))
        answer = DESTINATION_RESTS;
    else
        destination->running++;
    pthread_mutex_unlock(&lock);
    return answer;
}

/* As TCP does it: one more for each answer is twice as many a round. */
static void widen(struct destination *destination)
{
    if (destination->window && ++destination->window > WINDOW_MAX)
        destination->window = 0;
}

enum destination_news destination_ended(struct destination *destination, enum destination_end end,
                                        int64_t now_us)
{
    enum destination_news news = DESTINATION_NO_NEWS;
    int64_t pause_us;

    pthread_mutex_lock(&lock);
    destination->running--;
    if (end == DESTINATION_REACHED) {
        if (breaker_succeeded(&destination->breaker))
            news = DESTINATION_IS_BACK;
        widen(destination);
    } else if (end == DESTINATION_FAILED && destination->breaker.limit > 0) {
        if (breaker_failed(&destination->breaker, now_us, &pause_us)) {
            news = DESTINATION_WENT_DOWN;
            destination->window = 1;
        }
    } else {
        breaker_abandoned(&destination->breaker);
    }
    pthread_mutex_unlock(&lock);
    return news;
}
