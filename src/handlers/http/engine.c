#include "engine.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <time.h>

#include <curl/curl.h>

#include "destination.h"
#include "lookup_gate.h"
#include "monotonic.h"
#include "verdict.h"

enum {
    SWEEP_MS = 250,  /* how late a cancelled request may be noticed */
    STUMBLE_MS = 10, /* pause after libcurl failed to wait, so that it cannot spin */
    /* Idle connections kept where no limit is set. libcurl's own limit, four for each request in
     * flight, would close most of them whenever a burst ends. */
    IDLE_CONNECTIONS = 1024,
};

struct request_list {
    struct request *first, *last;
    size_t count;
};

struct engine {
    const struct dueq_host *host;
    const struct http_options *options;
    pthread_t thread;

    pthread_mutex_t lock;
    struct request_list inbox; /* lock; submitted, not yet seen by the thread */
    bool stopping;             /* lock */
    CURLM *multi;              /* used by the thread; lock to wake it, and to replace it */

    /* The thread's own. */
    struct request_list waiting; /* not handed to libcurl yet */
    struct request_list running; /* in the multi handle */
    struct lookup_gate gate;
    struct destination *destination;
    bool held_up; /* the destination has enough for now */
    bool has_run; /* the multi handle may hold connections */
    int64_t swept_us;
    int64_t used_us; /* when a request last ended */
};

static void list_append(struct request_list *list, struct request *request)
{
    request->next = NULL;
    request->prev = list->last;
    if (list->last)
        list->last->next = request;
    else
        list->first = request;
    list->last = request;
    list->count++;
}

static void list_remove(struct request_list *list, struct request *request)
{
    if (request->prev)
        request->prev->next = request->next;
    else
        list->first = request->next;
    if (request->next)
        request->next->prev = request->prev;
    else
        list->last = request->prev;
    list->count--;
}

/* Since 8.20 the threads that look up names are the multi handle's, and its end waits for them, and
 * so for the name server, unless told not to. By its number in libcurl's ABI, CURLMOPT_QUICK_EXIT:
 * the library may be newer than the headers of the build, or older than the option. */
static CURLMcode end_without_waiting(CURLM *multi)
{
    CURLMcode code = curl_multi_setopt(multi, (CURLMoption) (CURLOPTTYPE_LONG + 21), 1L);
    return code == CURLM_UNKNOWN_OPTION ? CURLM_OK : code;
}

/* A request that has to wait for a connection waits in libcurl, which does not look at the clock
 * meanwhile; sweep() does. */
static CURLM *new_multi(const struct http_options *options)
{
    long kept = options->max_connections ? (long) options->max_connections : IDLE_CONNECTIONS;
    CURLM *multi = curl_multi_init();
    if (!multi)
        return NULL;
    if (end_without_waiting(multi) != CURLM_OK ||
        curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, kept) != CURLM_OK ||
        curl_multi_setopt(multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, (long) options->max_connections) !=
            CURLM_OK ||
        curl_multi_setopt(multi, CURLMOPT_MAX_HOST_CONNECTIONS,
                          (long) options->max_host_connections) != CURLM_OK) {
        curl_multi_cleanup(multi);
        return NULL;
    }
    return multi;
}

/* What its end says of the destination. */
static void report_end(struct engine *engine, struct request *request, enum destination_end end)
{
    const struct dueq_host *host = engine->host;

    if (!request->begun)
        return;
    request->begun = false;
    engine->held_up = false;
    switch (destination_ended(engine->destination, end, monotonic_us())) {
    case DESTINATION_WENT_DOWN:
        host->log(host, DUEQ_LOG_ERROR,
                  "a receiver does not answer, it is probed and its jobs wait: host=%s",
                  engine->options->url_parts.host);
        break;
    case DESTINATION_IS_BACK:
        host->log(host, DUEQ_LOG_INFO, "a receiver answers again: host=%s",
                  engine->options->url_parts.host);
        break;
    case DESTINATION_NO_NEWS:
        break;
    }
}

/* Frees the request, then tells dueqd: from then on the payload is gone. */
static void finish(const struct engine *engine, struct request *request,
                   const struct verdict *verdict)
{
    const struct dueq_job *job = request->job;
    request_free(request);
    engine->host->finish(job, verdict->outcome, verdict->delay_us, verdict->message);
}

static void end_waiting(struct engine *engine, struct request *request, CURLcode code)
{
    struct verdict verdict;
    verdict_of_end(request, code, &verdict);
    report_end(engine, request, DESTINATION_ABANDONED);
    list_remove(&engine->waiting, request);
    finish(engine, request, &verdict);
}

/* It has not begun, and shall not now. */
static void let_wait(struct engine *engine, struct request *request, int64_t wait_us)
{
    struct verdict verdict;
    verdict_of_rest(wait_us, &verdict);
    list_remove(&engine->waiting, request);
    finish(engine, request, &verdict);
}

static void take_out(struct engine *engine, struct request *request)
{
    curl_multi_remove_handle(engine->multi, request->easy);
    list_remove(&engine->running, request);
    engine->used_us = monotonic_us();
}

/* True when there is a request to hand over, and room for it. */
static bool can_begin(const struct engine *engine, int64_t now_us)
{
    return engine->waiting.first && !engine->held_up && lookup_gate_open(&engine->gate, now_us);
}

/* True: it is. */
static bool may_begin(struct engine *engine, struct request *request, int64_t now_us)
{
    int64_t wait_us = 0;

    switch (destination_ask(engine->destination, now_us, &wait_us)) {
    case DESTINATION_BEGIN:
        request->begun = true;
        return true;
    case DESTINATION_FULL:
        engine->held_up = true;
        return false;
    case DESTINATION_RESTS:
        break;
    }
    let_wait(engine, request, wait_us);
    return false;
}

static void begin_waiting(struct engine *engine)
{
    int64_t now_us = monotonic_us();

    while (can_begin(engine, now_us)) {
        struct request *request = engine->waiting.first;
        if (!may_begin(engine, request, now_us))
            continue;
        request_begin(request, &engine->gate, now_us);
        if (curl_multi_add_handle(engine->multi, request->easy) != CURLM_OK) {
            end_waiting(engine, request, CURLE_OUT_OF_MEMORY);
            continue;
        }
        list_remove(&engine->waiting, request);
        list_append(&engine->running, request);
        engine->has_run = true;
    }
}

static void collect_ended(struct engine *engine)
{
    CURLMsg *message;
    int left;

    while ((message = curl_multi_info_read(engine->multi, &left))) {
        if (message->msg != CURLMSG_DONE)
            continue;
        CURLcode code = message->data.result; /* the message is gone once the handle is removed */
        struct request *request = NULL;
        struct verdict verdict;

        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **) &request);
        enum destination_end end = verdict_of_end(request, code, &verdict);
        report_end(engine, request, end);
        take_out(engine, request);
        finish(engine, request, &verdict);
    }
}

/* Gives up a request whose time is over, or that dueqd no longer wants. */
static void give_up(struct engine *engine, struct request *request, bool timed_out)
{
    struct verdict verdict;
    enum destination_end end = DESTINATION_ABANDONED;

    /* A timeout before cancelled(), which says so too: its words say more. */
    if (timed_out)
        end = verdict_of_end(request, CURLE_OPERATION_TIMEDOUT, &verdict);
    else
        verdict_of_cancel(request, &verdict);
    bool running = request->begun;
    report_end(engine, request, end);
    if (running)
        take_out(engine, request);
    else
        list_remove(&engine->waiting, request);
    finish(engine, request, &verdict);
}

/* Ends what dueqd no longer wants, or whose time is over. `all`: everything. */
static void sweep(struct engine *engine, bool all)
{
    int64_t now_us = monotonic_us();
    struct request_list *const lists[] = { &engine->waiting, &engine->running };

    if (!all && now_us - engine->swept_us < SWEEP_MS * INT64_C(1000))
        return;
    engine->swept_us = now_us;
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
        struct request *next;
        for (struct request *request = lists[i]->first; request; request = next) {
            next = request->next;
            bool timed_out = now_us >= request->deadline_us ||
                             now_us >= request->connect_deadline_us;
            if (!all && !timed_out && !engine->host->cancelled(request->job))
                continue;
            if (timed_out && engine->held_up && !request->begun)
                let_wait(engine, request, 0); /* through no fault of its own */
            else
                give_up(engine, request, timed_out);
        }
    }
}

/* Moves the inbox to `waiting`. False when the engine is to stop. */
static bool take_inbox(struct engine *engine)
{
    pthread_mutex_lock(&engine->lock);
    struct request_list inbox = engine->inbox;
    bool go_on = !engine->stopping;
    engine->inbox = (struct request_list){ 0 };
    pthread_mutex_unlock(&engine->lock);

    while (inbox.first) {
        struct request *request = inbox.first;
        list_remove(&inbox, request);
        list_append(&engine->waiting, request);
    }
    return go_on;
}

/* libcurl looks at its idle connections only when it is given a request, so when none comes they
 * would stay open, and half-closed once the server has enough, for ever. A new multi handle closes
 * them. */
static void close_idle_connections(struct engine *engine)
{
    CURLM *fresh = new_multi(engine->options);
    if (!fresh)
        return; /* no memory: later, then */

    pthread_mutex_lock(&engine->lock);
    CURLM *old = engine->multi; /* nobody is waking it: that, too, takes the lock */
    engine->multi = fresh;
    pthread_mutex_unlock(&engine->lock);
    curl_multi_cleanup(old);
    engine->has_run = false;
    engine->gate = (struct lookup_gate){ 0 }; /* the addresses are gone with it */
}

static void pause_ms(long ms)
{
    const struct timespec time = { .tv_nsec = ms * 1000000 };
    nanosleep(&time, NULL);
}

/* Until something moves: a socket, a timer of libcurl's, a submit. */
static void wait_for_news(struct engine *engine)
{
    int64_t idle_us = monotonic_us() - engine->used_us;
    int64_t wait_ms;

    if (engine->running.count > 0 || engine->waiting.count > 0) {
        wait_ms = SWEEP_MS;
    } else if (engine->has_run && idle_us >= engine->options->idle_timeout_us) {
        close_idle_connections(engine);
        /* A wake-up that went to the old handle is lost, so look at the inbox again. */
        return;
    } else if (engine->has_run) {
        wait_ms = (engine->options->idle_timeout_us - idle_us) / 1000 + 1;
    } else {
        wait_ms = INT32_MAX;
    }
    if (curl_multi_poll(engine->multi, NULL, 0, (int) wait_ms, NULL) != CURLM_OK)
        pause_ms(STUMBLE_MS);
}

static void *run_engine(void *userdata)
{
    struct engine *engine = userdata;

    engine->used_us = monotonic_us();
    while (take_inbox(engine)) {
        engine->held_up = false; /* another line's request may have ended */
        do {
            int running;
            begin_waiting(engine);
            if (curl_multi_perform(engine->multi, &running) != CURLM_OK)
                pause_ms(STUMBLE_MS);
            collect_ended(engine);
            /* Again where what has ended, or has its address now, made room: nothing else would
             * wake us for it. */
        } while (can_begin(engine, monotonic_us()));
        sweep(engine, false);
        wait_for_news(engine);
    }
    sweep(engine, true);
    return NULL;
}

/* Named, and with every signal blocked: signals are dueqd's, and a SIGPIPE would be ours. */
static int start_thread(struct engine *engine)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int r = pthread_create(&engine->thread, NULL, run_engine, engine);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (r == 0)
        pthread_setname_np(engine->thread, "http");
    return -r;
}

int engine_new(const struct dueq_host *host, const struct http_options *options,
               struct engine **ret_engine)
{
    struct engine *engine = calloc(1, sizeof *engine);
    if (!engine)
        return -ENOMEM;
    *engine = (struct engine){ .host = host, .options = options };
    pthread_mutex_init(&engine->lock, NULL);

    int r = -ENOMEM;
    engine->multi = new_multi(options);
    engine->destination = destination_get(options->url_parts.tls, options->url_parts.host,
                                          (unsigned) options->breaker, options->breaker_rest_us);
    if (engine->multi && engine->destination)
        r = start_thread(engine);
    if (r < 0) {
        if (engine->multi)
            curl_multi_cleanup(engine->multi);
        destination_put(engine->destination);
        pthread_mutex_destroy(&engine->lock);
        free(engine);
        return r;
    }
    *ret_engine = engine;
    return 0;
}

void engine_free(struct engine *engine)
{
    if (!engine)
        return;
    pthread_mutex_lock(&engine->lock);
    engine->stopping = true;
    curl_multi_wakeup(engine->multi);
    pthread_mutex_unlock(&engine->lock);
    pthread_join(engine->thread, NULL);

    curl_multi_cleanup(engine->multi);
    destination_put(engine->destination);
    pthread_mutex_destroy(&engine->lock);
    free(engine);
}

void engine_submit(struct engine *engine, struct request *request)
{
    pthread_mutex_lock(&engine->lock);
    bool first = !engine->inbox.first;
    list_append(&engine->inbox, request);
    if (first) /* with others there, the thread has been woken and not come round yet */
        curl_multi_wakeup(engine->multi);
    pthread_mutex_unlock(&engine->lock);
}
