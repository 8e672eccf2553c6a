#include "service.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-daemon.h>

#include "clock.h"
#include "log.h"

enum {
    MAX_DRAINING = 16, /* engines of earlier configurations that still run jobs */
    TICK_US = 1000000,
    BUSY_TICK_US = 20000,      /* while something is awaited: ready, or the end */
    CANCEL_GRACE_US = 5000000, /* between asking running jobs to stop and leaving without them */
    STALL_MARGIN_US = 10000000,
    START_EXTENSION_US =
        30000000, /* what the service manager is asked for while the database is not there */
};

struct service {
    const char *config_file;
    struct ledger *ledger;
    struct engine *current;
    struct engine *draining[MAX_DRAINING];
    bool ready;          /* READY=1 was sent */
    int64_t watchdog_us; /* half of what the service manager allows; 0: it has none */
    int64_t fed_at_us, told_at_us;
    bool stalled;
    int stop_signals;
    int64_t drain_until_us, leave_at_us;
};

void service_block_signals(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    sigaddset(&set, SIGUSR1);
    sigprocmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
}

void service_log_report(const struct config_report *report)
{
    for (size_t i = 0; i < report->count; i++)
        log_write(report->problems[i].warning ? LOG_LEVEL_WARNING : LOG_LEVEL_ERROR, "%s",
                  report->problems[i].text);
}

/* False: the time passed. */
static bool wait_signal(int64_t us, siginfo_t *ret_signal)
{
    sigset_t set;
    struct timespec timeout = clock_timespec(us);

    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    sigaddset(&set, SIGUSR1);
    return sigtimedwait(&set, ret_signal, &timeout) > 0;
}

/* state: "" or assignments, each ended by a newline. */
static void tell(struct service *service, const char *state)
{
    char status[128];
    engine_describe(service->current, status, sizeof status);
    sd_notifyf(0, "%sSTATUS=%s", state, status);
}

static bool put_to_drain(struct service *service, struct engine *engine)
{
    for (size_t i = 0; i < MAX_DRAINING; i++) {
        if (service->draining[i])
            continue;
        service->draining[i] = engine;
        engine_drain(engine);
        return true;
    }
    return false;
}

static size_t reap_drained(struct service *service)
{
    size_t left = 0;
    for (size_t i = 0; i < MAX_DRAINING; i++) {
        if (!service->draining[i])
            continue;
        if (engine_is_drained(service->draining[i])) {
            engine_free(service->draining[i]);
            service->draining[i] = NULL;
            log_info("the jobs of an earlier configuration have ended");
        } else {
            left++;
        }
    }
    return left;
}

static struct engine *load_engine(const char *file, struct ledger *ledger)
{
    struct config_report report = { 0 };
    struct config *config = NULL;
    struct engine *engine = NULL;

    int error = config_load(file, &config, &report);
    if (!error)
        error = engine_new(config, ENGINE_REFUSES_BAD_PLUGINS, &engine, &report);
    service_log_report(&report);
    config_report_done(&report);
    if (!error) {
        error = engine_start(engine, ledger);
        if (error) {
            log_error("the new configuration cannot be started: %s", strerror(-error));
            engine_free(engine);
        }
    }
    return error ? NULL : engine;
}

static void reload(struct service *service)
{
    sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%lld\nSTATUS=reloading", (long long) clock_now_us());
    log_info("reloading: file=%s", service->config_file);

    if (reap_drained(service) == MAX_DRAINING) {
        log_error("reload refused, the configuration in force stays: %d earlier ones still have "
                  "jobs running",
                  MAX_DRAINING);
    } else {
        struct engine *engine = load_engine(service->config_file, service->ledger);
        if (engine) {
            struct engine *old = service->current;
            service->current = engine;
            log_set_level(engine_config(engine)->log_level);
            if (!put_to_drain(service, old))
                abort(); /* there was a place for it above */
            log_info("reloaded: file=%s", service->config_file);
        } else {
            log_error("reload refused, the configuration in force stays: file=%s",
                      service->config_file);
        }
    }
    if (service->ready)
        tell(service, "READY=1\n");
}

static int64_t stall_limit_us(const struct config *config)
{
    int64_t longest_us = 0;
    for (size_t i = 0; i < config->source_count; i++) {
        const struct config_source *source = &config->sources[i];
        int64_t us = source->connect_timeout_us + source->read_timeout_us;
        if (us > longest_us)
            longest_us = us;
    }
    return 2 * longest_us + STALL_MARGIN_US;
}

/* The watchdog is fed only while every lane and keeper moves; one that does not for longer than its
 * database may keep it waiting is wedged, and the service manager then restarts us. */
static void feed_watchdog(struct service *service, int64_t now_us)
{
    int64_t beat_us = engine_beat_us(service->current);
    bool stalled = now_us - beat_us > stall_limit_us(engine_config(service->current));

    if (stalled && !service->stalled)
        log_error("a lane or keeper has not moved for %lld s: the watchdog is not fed any more",
                  (long long) (now_us - beat_us) / 1000000);
    service->stalled = stalled;
    if (stalled || !service->watchdog_us || now_us < service->fed_at_us + service->watchdog_us)
        return;
    service->fed_at_us = now_us;
    sd_notify(0, "WATCHDOG=1");
}

static void report_state(struct service *service, int64_t now_us)
{
    if (!service->ready && engine_is_ready(service->current)) {
        service->ready = true;
        log_info("ready");
        tell(service, "READY=1\n");
        service->told_at_us = now_us;
    }
    if (now_us < service->told_at_us + 5 * (int64_t) TICK_US)
        return;
    service->told_at_us = now_us;
    if (service->ready) {
        tell(service, "");
    } else {
        char state[64];
        snprintf(state, sizeof state, "EXTEND_TIMEOUT_USEC=%d\n", START_EXTENSION_US);
        tell(service, state);
    }
}

/* Of every configuration that still runs jobs. */
static size_t in_flight(const struct service *service)
{
    size_t count = engine_in_flight(service->current);
    for (size_t i = 0; i < MAX_DRAINING; i++)
        if (service->draining[i])
            count += engine_in_flight(service->draining[i]);
    return count;
}

static void begin_stop(struct service *service, int64_t now_us)
{
    service->stop_signals++;
    if (service->stop_signals == 1) {
        int64_t drain_us = engine_config(service->current)->drain_us;
        log_info("stopping: no more jobs are claimed, the running ones may end: in_flight=%zu "
                 "seconds=%lld",
                 in_flight(service), (long long) drain_us / 1000000);
        sd_notify(0, "STOPPING=1");
        engine_drain(service->current);
        service->drain_until_us = now_us + drain_us;
    } else if (service->stop_signals == 2) {
        service->drain_until_us = now_us;
    } else {
        service->leave_at_us = now_us;
    }
}

static void cancel_all(struct service *service)
{
    engine_cancel(service->current);
    for (size_t i = 0; i < MAX_DRAINING; i++)
        if (service->draining[i])
            engine_cancel(service->draining[i]);
}

/* One look at a daemon that stops. True: it is over, and *ret_clean says how. */
static bool stop_step(struct service *service, int64_t now_us, bool *ret_clean)
{
    bool drained = engine_is_drained(service->current) && reap_drained(service) == 0;

    if (drained) {
        engine_free(service->current);
        log_info("stopped");
        *ret_clean = true;
        return true;
    }
    if (!service->leave_at_us && now_us >= service->drain_until_us) {
        log_warning("jobs still run, they are asked to stop: in_flight=%zu", in_flight(service));
        cancel_all(service);
        service->leave_at_us = now_us + CANCEL_GRACE_US;
    }
    if (!service->leave_at_us || now_us < service->leave_at_us)
        return false;
    log_warning("leaving jobs behind that do not stop; they are run again when their leases end: "
                "in_flight=%zu",
                in_flight(service));
    engine_abandon(service->current);
    for (size_t i = 0; i < MAX_DRAINING; i++)
        if (service->draining[i])
            engine_abandon(service->draining[i]);
    *ret_clean = false;
    return true;
}

static void handle_signal(struct service *service, const siginfo_t *received, int64_t now_us)
{
    int number = received->si_signo;

    log_info("signal received: signal=SIG%s from_pid=%d", sigabbrev_np(number),
             (int) received->si_pid);
    if (number == SIGTERM || number == SIGINT)
        begin_stop(service, now_us);
    else if (number == SIGHUP && service->stop_signals)
        log_warning("a reload is ignored: the daemon is stopping");
    else if (number == SIGHUP)
        reload(service);
    else if (number == SIGUSR1)
        engine_kick(service->current);
}

bool service_run(struct engine *engine, struct ledger *ledger, const char *config_file)
{
    struct service service = { .config_file = config_file, .ledger = ledger, .current = engine };
    uint64_t watchdog_us = 0;
    bool clean = false;

    if (sd_watchdog_enabled(0, &watchdog_us) > 0)
        service.watchdog_us = (int64_t) (watchdog_us / 2);
    for (;;) {
        bool busy = !service.ready || service.stop_signals || reap_drained(&service) > 0;
        int64_t tick_us = busy ? BUSY_TICK_US : TICK_US;
        if (service.watchdog_us && service.watchdog_us / 2 < tick_us)
            tick_us = service.watchdog_us / 2;
        siginfo_t received;
        bool signalled = wait_signal(tick_us, &received);
        int64_t now_us = clock_now_us();
        if (signalled)
            handle_signal(&service, &received, now_us);
        feed_watchdog(&service, now_us);
        report_state(&service, now_us);
        if (service.stop_signals && stop_step(&service, now_us, &clean))
            return clean;
    }
}
