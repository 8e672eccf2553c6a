#include "keeper.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "buffer.h"
#include "clock.h"
#include "crash_recovery.h"
#include "heartbeat.h"
#include "ledger.h"
#include "link.h"
#include "lock_reach.h"
#include "protection.h"
#include "queue_control.h"
#include "renewal.h"
#include "retention.h"
#include "server_check.h"
#include "source.h"
#include "worker_row.h"

enum {
    HEARTBEAT_US = 5000000,
    HEARTBEAT_IDLE_US =
        15000000, /* with nothing new; `dueq status` calls a worker stale after two */
    CONTROL_US = 2000000,
    CONTROL_RUNG_US = 30000000, /* where the doorbell says when it is changed */
    CONTROL_APART_US = 50000,   /* however often dueq_queue is changed */
    SCHEMA_US = 5000000,
    SCHEMA_RUNG_US = 30000000, /* with the doorbell: nothing else is asked either */
    RECOVERY_TRIES = 20,
    RECOVERY_PAUSE_US = 50000,
    RETENTION_US = 300000000,
    RETENTION_MORE_US = 1000000, /* while there is more to delete */
};

struct keeper {
    struct source *source;
    pthread_t thread;
    struct link link;
    struct renewal renewal;
    struct protection protection;
    struct buffer found; /* by the checks of the server, last time */
    bool registered;     /* worker_row_insert went through */
    bool recovers;       /* some of what dead daemons left is not put right yet */
    int64_t tick_us;
    struct buffer beaten; /* the last heartbeat */
    int64_t heartbeat_us; /* when that was */
    int64_t heartbeat_at_us, control_at_us, schema_at_us, retention_at_us;
    int64_t control_read_us;
    bool control_again; /* a ring may come before what it was about can be seen */
    _Atomic int64_t beat_us;
};

static void set_ready(struct source *source, bool ready)
{
    mutex_lock(&source->lock);
    source->keeper_opened += ready;
    source->ready = ready;
    condition_broadcast(&source->wake);
    mutex_unlock(&source->lock);
}

static void append_finding(struct buffer *text, const struct check_finding *finding)
{
    if (finding->level != CHECK_OK)
        buffer_append_format(text, "%s %s\n", finding->name, finding->text);
}

static void log_finding(const struct source *source, const struct check_finding *finding)
{
    if (finding->level == CHECK_FAILURE)
        log_error("%s: %s: source=%s", finding->name, finding->text, source->config->name);
    else if (finding->level == CHECK_WARNING)
        log_warning("%s: %s: source=%s", finding->name, finding->text, source->config->name);
}

/* Says what the checks found, once, and again when that changes: it is asked anew with each
 * connection. A failed check does not stop the daemon: what it breaks says so itself, when it does,
 * and a queue that runs badly is better than one that does not run. */
static enum db_status check_server(struct keeper *keeper, struct db *db, struct error *error)
{
    struct check_finding findings[SERVER_CHECK_MAX];
    struct buffer found = { 0 };
    size_t count = 0;

    enum db_status status = server_check(db, findings, SERVER_CHECK_MAX, &count, error);
    if (status != DB_OK)
        return status;
    for (size_t i = 0; i < count; i++)
        append_finding(&found, &findings[i]);
    if (found.len != keeper->found.len ||
        (found.len > 0 && memcmp(found.bytes, keeper->found.bytes, found.len) != 0))
        for (size_t i = 0; i < count; i++)
            log_finding(keeper->source, &findings[i]);
    buffer_done(&keeper->found);
    keeper->found = found;
    return DB_OK;
}

static enum db_status register_worker(struct keeper *keeper, struct db *db, struct error *error)
{
    struct source *source = keeper->source;
    uint64_t worker_id = 0;

    enum db_status status = worker_row_insert(db, source->worker, DUEQ_VERSION, &worker_id, error);
    if (status != DB_OK)
        return status;
    keeper->registered = true;
    keeper->heartbeat_at_us = keeper->heartbeat_us = 0;
    buffer_clear(&keeper->beaten);
    /* An earlier one stays there, for what is leased in its name. */
    uint32_t ledger_worker = ledger_add_worker(source->ledger, source->schema.source_id, worker_id);
    mutex_lock(&source->lock);
    source->worker_id = worker_id;
    source->ledger_worker = ledger_worker;
    mutex_unlock(&source->lock);
    return DB_OK;
}

/* What is locked by a dead daemon's connection is so for a moment only, until the server sees that
 * it is gone; else the next ticks see to it. */
static enum db_status recover(struct keeper *keeper, struct db *db, struct error *error)
{
    enum db_status status = DB_OK;

    keeper->recovers = true;
    for (int try = 0; status == DB_OK && keeper->recovers && try < RECOVERY_TRIES; try++) {
        if (try > 0) {
            struct timespec pause = clock_timespec(RECOVERY_PAUSE_US);
            nanosleep(&pause, NULL);
        }
        status = crash_recovery_run(keeper->source, db, &keeper->recovers, error);
    }
    return status;
}

/* Everything that must hold before a lane claims. */
static enum db_status get_ready(struct keeper *keeper, struct db *db, struct error *error)
{
    struct source *source = keeper->source;
    struct schema schema;
    bool may_hold = false;

    enum db_status status = schema_require(db, &schema, error);
    if (status == DB_FATAL) { /* lanes that are connected already must not go on with it */
        mutex_lock(&source->lock);
        bool stops = source->ready && source->schema_ok;
        source->schema_ok = false;
        mutex_unlock(&source->lock);
        if (stops)
            log_error("nothing is claimed any more: %s: source=%s", error->text,
                      source->config->name);
    }
    if (status != DB_OK)
        return status;
    mutex_lock(&source->lock);
    source->schema = schema;
    source->schema_ok = true;
    mutex_unlock(&source->lock);

    status = lock_reach_read(db, &may_hold, error);
    if (status != DB_OK)
        return status;
    mutex_lock(&source->lock);
    source->may_hold = may_hold;
    mutex_unlock(&source->lock);

    status = check_server(keeper, db, error);
    if (status == DB_OK && !keeper->registered)
        status = register_worker(keeper, db, error);
    if (status == DB_OK) /* before any of those jobs is claimed */
        status = recover(keeper, db, error);
    if (status != DB_OK)
        return status;
    log_info("source is ready: source=%s server=%s schema=%u lanes=%u worker=%llu",
             source->config->name, db_server_version(db), schema.version, source->config->lanes,
             (unsigned long long) source->worker_id);
    keeper->control_at_us = 0;
    return DB_OK;
}

/* A migration while we run: stop claiming, and say so, until the schema is ours again. */
static enum db_status watch_schema(struct source *source, struct db *db, struct error *error)
{
    struct schema schema;
    struct error wrong;

    enum db_status status = schema_read(db, &schema, error);
    if (status != DB_OK)
        return status;
    bool ok = schema.version == SCHEMA_VERSION;
    mutex_lock(&source->lock);
    bool was_ok = source->schema_ok;
    source->schema_ok = ok;
    mutex_unlock(&source->lock);
    if (was_ok && !ok && schema_require(db, &schema, &wrong) != DB_OK)
        log_error("nothing is claimed any more: %s: source=%s", wrong.text, source->config->name);
    if (!was_ok && ok)
        log_info("the schema is the wanted one again: source=%s", source->config->name);
    return DB_OK;
}

static enum db_status look_for_company(struct source *source, struct db *db, struct error *error)
{
    bool has = false;

    enum db_status status = worker_row_has_company(db, source->worker_id, &has, error);
    if (status != DB_OK)
        return status;
    mutex_lock(&source->lock);
    source->has_company = has;
    mutex_unlock(&source->lock);
    return DB_OK;
}

static enum db_status beat(struct keeper *keeper, struct db *db, struct error *error)
{
    struct source *source = keeper->source;
    struct buffer json = { 0 };
    int64_t now_us = clock_now_us();

    heartbeat_append_status(source, &json);
    if (json.failed) {
        buffer_done(&json);
        error_set(error, "out of memory for a heartbeat");
        return DB_FATAL;
    }
    bool same = json.len == keeper->beaten.len &&
                memcmp(json.bytes, keeper->beaten.bytes, json.len) == 0;
    if (same && now_us - keeper->heartbeat_us < HEARTBEAT_IDLE_US) {
        buffer_done(&json);
        return DB_OK;
    }
    enum db_status status = worker_row_heartbeat(db, source->worker_id, json.bytes, json.len,
                                                 error);
    if (status == DB_NO_ROW) /* another server than the one we registered at, or long asleep */
        status = register_worker(keeper, db, error);
    buffer_done(&keeper->beaten);
    keeper->beaten = json;
    keeper->heartbeat_us = now_us;
    if (status == DB_OK && !same) /* it matters to one that works */
        status = look_for_company(source, db, error);
    return status;
}

static enum db_status read_control(struct source *source, struct db *db, struct error *error)
{
    struct queue_control *controls;
    size_t count;

    enum db_status status = queue_control_read(db, &controls, &count, error);
    if (status != DB_OK)
        return status;
    mutex_lock(&source->lock);
    for (size_t i = 0; i < source->agenda.count; i++) {
        struct agenda_entry *entry = &source->agenda.entries[i];
        const struct queue_control *control = NULL;
        for (size_t j = 0; j < count && !control; j++)
            if (strcmp(controls[j].queue, entry->queue->name) == 0)
                control = &controls[j];
        bool was_paused = entry->paused;
        entry->paused = control && control->paused;
        entry->concurrency = control ? control->concurrency : 0;
        entry->rate = control ? control->rate : 0;
        if (was_paused && !entry->paused)
            agenda_hurry(entry, 0);
    }
    condition_signal(&source->wake);
    mutex_unlock(&source->lock);
    free(controls);
    return DB_OK;
}

static bool due(int64_t *at_us, int64_t every_us, int64_t now_us)
{
    if (now_us < *at_us)
        return false;
    *at_us = now_us + every_us;
    return true;
}

static bool doorbell_works(struct source *source)
{
    mutex_lock(&source->lock);
    bool works = source->doorbell_works;
    mutex_unlock(&source->lock);
    return works;
}

static enum db_status control_duty(struct keeper *keeper, struct db *db, int64_t now_us,
                                   struct error *error)
{
    keeper->control_read_us = now_us;
    if (keeper->control_again)
        keeper->control_at_us = now_us;
    keeper->control_again = false;
    return read_control(keeper->source, db, error);
}

/* One round of duties; each is tried again at its next time whatever came of it. */
static enum db_status do_duties(struct keeper *keeper, struct db *db, struct error *error)
{
    struct source *source = keeper->source;
    int64_t now_us = clock_now_us();
    bool rings = doorbell_works(source);
    int64_t control_us = rings ? CONTROL_RUNG_US : CONTROL_US;
    int64_t schema_us = rings ? SCHEMA_RUNG_US : SCHEMA_US;
    enum db_status status = renewal_run(&keeper->renewal, source, db, error);

    if (status == DB_OK && keeper->recovers)
        status = crash_recovery_run(source, db, &keeper->recovers, error);
    if (status == DB_OK && due(&keeper->heartbeat_at_us, HEARTBEAT_US, now_us))
        status = beat(keeper, db, error);
    if (status == DB_OK && due(&keeper->schema_at_us, schema_us, now_us))
        status = watch_schema(source, db, error);
    if (status == DB_OK && due(&keeper->control_at_us, control_us, now_us))
        status = control_duty(keeper, db, now_us, error);
    if (status == DB_OK)
        status = protection_run(&keeper->protection, source, db, error);
    if (status == DB_OK && due(&keeper->retention_at_us, RETENTION_US, now_us)) {
        bool more = false;
        status = retention_run(db, source->all->keep_errors_us, &more, error);
        if (more)
            keeper->retention_at_us = now_us + RETENTION_MORE_US;
    }
    return status;
}

static void tick(struct keeper *keeper)
{
    struct source *source = keeper->source;
    struct error error = { "" };

    unsigned opened = keeper->link.opened;
    struct db *db = source_in_flight(source) > 0 ? link_get_to_lock(&keeper->link)
                                                 : link_get(&keeper->link);
    if (!db) {
        set_ready(source, false); /* nobody would renew what the lanes lease */
        renewal_expire(source);
        return;
    }
    enum db_status status = DB_OK;
    if (keeper->link.opened != opened) {
        status = get_ready(keeper, db, &error);
        if (status == DB_OK) /* what is paused is so from the first claim on */
            status = read_control(source, db, &error);
        if (status != DB_OK) {
            link_refuse(&keeper->link, &error);
            return;
        }
        set_ready(source, true);
    }
    status = do_duties(keeper, db, &error);
    link_report(&keeper->link, status, &error);
    if (status != DB_OK && status != DB_LOST && status != DB_READ_ONLY && status != DB_RETRY &&
        log_limit_pass(&keeper->renewal.failed_log, RETENTION_US, NULL))
        log_error("a duty of the keeper failed, trying again: %s: source=%s", error.text,
                  source->config->name);
}

/* False: the lanes have ended, and so does the keeper. */
static bool wait_for_tick(struct keeper *keeper)
{
    struct source *source = keeper->source;

    mutex_lock(&source->lock);
    if (!source->lanes_ended) {
        int64_t until_us = clock_now_us() + keeper->tick_us;
        if (!keeper->link.db && keeper->link.retry_at_us < until_us)
            until_us = keeper->link.retry_at_us;
        int64_t control_us = keeper->control_read_us + CONTROL_APART_US;
        if (source->control_rung && control_us < until_us)
            until_us = control_us;
        condition_wait_until(&source->keeper_wake, &source->lock, until_us);
    }
    if (source->control_rung && clock_now_us() >= keeper->control_read_us + CONTROL_APART_US) {
        source->control_rung = false;
        keeper->control_at_us = 0;
        keeper->control_again = true;
    }
    bool ended = source->lanes_ended;
    mutex_unlock(&source->lock);
    return !ended;
}

static enum db_status sign_off(struct keeper *keeper, struct error *error)
{
    struct db *db = link_get(&keeper->link);
    if (!db)
        return DB_OK; /* there is none to be had */
    ledger_remove_worker(keeper->source->ledger, keeper->source->ledger_worker);
    enum db_status status = worker_row_delete(db, keeper->source->worker_id, error);
    if (status != DB_OK)
        log_debug("the worker's row stays behind: %s", error->text);
    if (status == DB_LOST)
        link_close(&keeper->link);
    return status;
}

static void *keeper_main(void *arg)
{
    struct keeper *keeper = arg;
    struct error error;

    db_thread_init();
    do {
        keeper->beat_us = clock_now_us();
        tick(keeper);
    } while (wait_for_tick(keeper));
    /* A clean end leaves no row; one that cannot be deleted now goes with the retention of another
     * daemon. */
    if (keeper->link.db && keeper->registered && sign_off(keeper, &error) == DB_LOST)
        (void) sign_off(keeper, &error); /* the connection may have been lost long before */
    link_close(&keeper->link);
    db_thread_done();
    return NULL;
}

int keeper_start(struct source *source, struct keeper **ret_keeper)
{
    struct keeper *keeper = calloc(1, sizeof *keeper);
    if (!keeper)
        return -ENOMEM;
    keeper->source = source;
    keeper->link =
        (struct link){ .source = source->config, .route = &source->route, .owner = "keeper" };
    keeper->tick_us = renewal_interval_us(source->all);
    keeper->beat_us = clock_now_us();
    int error = thread_start(&keeper->thread, "keeper", keeper_main, keeper);
    if (error) {
        free(keeper);
        return error;
    }
    *ret_keeper = keeper;
    return 0;
}

void keeper_join(struct keeper *keeper)
{
    if (!keeper)
        return;
    pthread_join(keeper->thread, NULL);
    renewal_done(&keeper->renewal);
    buffer_done(&keeper->found);
    buffer_done(&keeper->beaten);
    free(keeper);
}

int64_t keeper_beat_us(const struct keeper *keeper)
{
    return keeper ? keeper->beat_us : INT64_MAX;
}
