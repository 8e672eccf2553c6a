#include "isolation.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "breaker.h"
#include "clock.h"
#include "host_process.h"
#include "log.h"
#include "random.h"
#include "thread.h"

enum {
    DEATHS = 5,         /* in a row, that open the breaker */
    PAUSE_US = 1000000, /* then, at first */
    PAUSE_MAX_US = 60000000,
    TICK_US = 100000,
    LOG_EVERY_US = 1000000,
    PATH_SIZE = 4096,
};

struct isolation {
    struct dueq_handler handler;
    const struct handler_callbacks *callbacks;
    const struct config_process *config;
    struct host_plan plan;
    char program[PATH_SIZE];
    struct log_limit death_log;

    struct mutex lock; /* of all below, and of what is the owner's in a process */
    struct condition idle;
    struct host_process **processes; /* config->count at most */
    size_t process_count;
    size_t starting;               /* count as processes */
    struct host_process **retired; /* asked to end; as many at most */
    size_t retired_count;
    struct breaker breaker;
};

/* Beside dueqd, as in a build tree; or where it is installed, below the prefix that dueqd is below.
 */
static void find_program(char program[PATH_SIZE])
{
    static const char *const places[] = { "dueq-host", "../" DUEQ_HOST_BELOW_PREFIX };
    char directory[PATH_SIZE];
    ssize_t len = readlink("/proc/self/exe", directory, sizeof directory - 1);

    while (len > 0 && directory[len - 1] != '/')
        len--;
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        int size = snprintf(program, PATH_SIZE, "%.*s%s", (int) (len > 0 ? len : 0), directory,
                            places[i]);
        if (len > 0 && size < PATH_SIZE && access(program, X_OK) == 0)
            return;
    }
    snprintf(program, PATH_SIZE, "%s", DUEQ_HOST_PROGRAM);
}

static void end_process(struct host_process *process)
{
    (void) host_process_bury(process);
    host_process_free(process);
}

/* Those that were asked to end and have; wait_us: how long to wait for the others, before they are
 * killed. Lock held, or nobody else there. */
static void reap_retired(struct isolation *isolation, int64_t wait_us)
{
    int64_t until_us = clock_now_us() + wait_us;
    size_t kept = 0;

    for (size_t i = 0; i < isolation->retired_count; i++) {
        struct host_process *process = isolation->retired[i];
        while (!host_process_is_dead(process) && clock_now_us() < until_us)
            usleep(2000);
        if (wait_us > 0 || host_process_is_dead(process))
            end_process(process);
        else
            isolation->retired[kept++] = process;
    }
    isolation->retired_count = kept;
}

static void give_up(struct isolation *isolation, struct host_process *process)
{
    assert(mutex_held(&isolation->lock));
    process->given_up = true;
    for (size_t i = 0; i < isolation->process_count; i++)
        if (isolation->processes[i] == process)
            isolation->processes[i] = isolation->processes[--isolation->process_count];
}

/* No slot of it is busy. */
static void retire(struct isolation *isolation, struct host_process *process)
{
    reap_retired(isolation, 0);
    if (isolation->retired_count == isolation->config->count) { /* slow to end: one has to go */
        end_process(isolation->retired[0]);
        isolation->retired[0] = isolation->retired[--isolation->retired_count];
    }
    give_up(isolation, process);
    host_process_finish(process);
    isolation->retired[isolation->retired_count++] = process;
}

static bool is_worn(const struct isolation *isolation, const struct host_process *process)
{
    return isolation->config->recycle && process->jobs >= isolation->config->recycle;
}

/* A free slot of a living process: of the first one, so that few jobs keep few of them warm. */
static struct host_slot *find_slot(struct isolation *isolation)
{
    assert(mutex_held(&isolation->lock));
    for (size_t i = 0; i < isolation->process_count; i++) {
        struct host_process *process = isolation->processes[i];
        if (process->busy_count == process->slot_count || is_worn(isolation, process))
            continue;
        if (process->busy_count == 0 && channel_has_input(&process->control)) {
            log_warning("a process of a handler ended while it had nothing to do: handler=%s "
                        "kind=%s",
                        isolation->plan.handler, isolation->plan.pattern);
            give_up(isolation, process);
            end_process(process);
            i--;
            continue;
        }
        for (size_t k = 0; k < process->slot_count; k++)
            if (!process->slots[k].busy)
                return &process->slots[k];
    }
    return NULL;
}

static struct host_slot *lend(struct host_slot *slot)
{
    slot->busy = true;
    slot->process->busy_count++;
    slot->process->jobs++;
    return slot;
}

static void count_death(struct isolation *isolation)
{
    int64_t pause_us;
    assert(mutex_held(&isolation->lock));
    if (breaker_failed(&isolation->breaker, clock_now_us(), &pause_us))
        log_error("the processes of a handler keep dying, its jobs wait for a while: handler=%s "
                  "kind=%s deaths=%u",
                  isolation->plan.handler, isolation->plan.pattern, isolation->breaker.failures);
}

/* Lock held, and let go meanwhile. */
static struct host_slot *start_another(struct isolation *isolation)
{
    struct host_process *process;
    struct error error = { "" };

    isolation->starting++;
    mutex_unlock(&isolation->lock);
    int result = host_process_start(&isolation->plan, &process, NULL, &error);
    mutex_lock(&isolation->lock);
    isolation->starting--;
    if (result) {
        if (log_limit_pass(&isolation->death_log, LOG_EVERY_US, NULL))
            log_error("a process for a handler cannot be started: %s: handler=%s kind=%s",
                      error.text, isolation->plan.handler, isolation->plan.pattern);
        return NULL;
    }
    isolation->processes[isolation->process_count++] = process;
    return lend(&process->slots[0]);
}

static int32_t snooze(struct dueq_result *result, int64_t delay_us)
{
    /* Spread, so that they do not come back all at once. */
    result->delay_us = delay_us + (int64_t) (random_unit() * (double) delay_us / 2);
    return DUEQ_SNOOZE;
}

/* NULL: none, and *ret_said is what comes of the job. */
static struct host_slot *take_slot(struct isolation *isolation, const struct dueq_job *job,
                                   struct dueq_result *result, int32_t *ret_said)
{
    struct host_slot *slot = NULL;
    int64_t wait_us;

    mutex_lock(&isolation->lock);
    if (!breaker_ask(&isolation->breaker, clock_now_us(), &wait_us)) {
        mutex_unlock(&isolation->lock);
        *ret_said = snooze(result, wait_us);
        return NULL;
    }
    while (!slot) {
        reap_retired(isolation, 0);
        slot = find_slot(isolation);
        if (slot) {
            lend(slot);
        } else if (isolation->process_count + isolation->starting < isolation->config->count) {
            slot = start_another(isolation);
            if (slot)
                continue;
            count_death(isolation);
            *ret_said = snooze(result, PAUSE_US);
            break;
        } else if (isolation->callbacks->cancelled(job)) {
            breaker_abandoned(&isolation->breaker);
            *ret_said = snooze(result, PAUSE_US);
            break;
        } else {
            condition_wait_until(&isolation->idle, &isolation->lock, clock_now_us() + TICK_US);
        }
    }
    mutex_unlock(&isolation->lock);
    return slot;
}

static void give_back(struct isolation *isolation, struct host_slot *slot, bool died)
{
    struct host_process *process = slot->process;

    mutex_lock(&isolation->lock);
    slot->busy = false;
    process->busy_count--;
    if (!died && breaker_succeeded(&isolation->breaker))
        log_info("the processes of a handler live again: handler=%s kind=%s",
                 isolation->plan.handler, isolation->plan.pattern);
    if (process->busy_count == 0) {
        if (process->given_up)
            end_process(process);
        else if (is_worn(isolation, process))
            retire(isolation, process);
    }
    condition_signal(&isolation->idle);
    mutex_unlock(&isolation->lock);
}

static int send_job(struct host_slot *slot, const struct dueq_job *job,
                    const struct dueq_result *result)
{
    struct buffer *frame = &slot->frame;

    frame_begin(frame, FRAME_JOB);
    put_i64(frame, (int64_t) job->id);
    put_u32(frame, job->attempt);
    put_u32(frame, job->max_attempts);
    put_u32(frame, job->flags);
    put_i64(frame, job->created_at_us);
    put_i64(frame, job->due_at_us);
    put_i64(frame, job->timeout_us);
    put_u32(frame, result->message_size);
    put_string(frame, job->message_id);
    put_string(frame, job->source);
    put_string(frame, job->queue);
    put_string(frame, job->kind);
    put_text(frame, job->payload, job->payload_len);
    put_text(frame, job->headers, job->headers_len);
    return channel_send(&slot->channel, frame);
}

static int send_cancel(struct host_slot *slot)
{
    frame_begin(&slot->frame, FRAME_CANCEL);
    return channel_send(&slot->channel, &slot->frame);
}

static bool take_result(struct frame *frame, struct dueq_result *result, int32_t *ret_said)
{
    *ret_said = (int32_t) take_u32(frame);
    result->delay_us = take_i64(frame);
    const char *message = take_text(frame, NULL);
    if (frame->bad || !message)
        return false;
    snprintf(result->message, result->message_size, "%s", message);
    return true;
}

/* One job in one slot. False: the process is dead, or of no use any more. */
static bool exchange(struct isolation *isolation, struct host_slot *slot,
                     const struct dueq_job *job, struct dueq_result *result, int32_t *ret_said)
{
    int64_t kill_at_us = 0;
    struct frame frame;

    if (send_job(slot, job, result) < 0)
        return false;
    for (;;) {
        int got = channel_receive(&slot->channel, &frame);
        if (got < 0)
            return false;
        if (got > 0 && frame.type == FRAME_RESULT)
            return take_result(&frame, result, ret_said);
        if (got > 0 && frame.type == FRAME_EXTEND)
            isolation->callbacks->extend(job, take_i64(&frame));
        if (got > 0)
            continue;
        if (host_process_is_dead(slot->process))
            return false;
        if (!isolation->callbacks->cancelled(job))
            continue;
        if (!kill_at_us) {
            kill_at_us = clock_now_us() + isolation->config->kill_after_us;
            if (send_cancel(slot) < 0)
                return false;
        } else if (clock_now_us() >= kill_at_us) {
            host_process_kill(slot->process, slot->index);
        }
    }
}

static void describe(const struct host_end *end, char *text, size_t size)
{
    if (!WIFSIGNALED(end->status))
        snprintf(text, size, "ended by exit(%d)", WEXITSTATUS(end->status));
    else if (WTERMSIG(end->status) == SIGXCPU)
        snprintf(text, size, "used more processor time than its cpu allows, and was killed");
    else if (WTERMSIG(end->status) == SIGKILL)
        snprintf(text, size, "was killed by SIGKILL: out of memory, perhaps");
    else
        snprintf(text, size, "died by SIG%s", sigabbrev_np(WTERMSIG(end->status)));
}

/* What comes of a job whose process is dead. */
static int32_t judge(struct isolation *isolation, const struct host_slot *slot,
                     const struct dueq_job *job, struct dueq_result *result)
{
    struct host_end end = host_process_bury(slot->process);
    int culprit = end.killed_for >= 0 ? end.killed_for : end.fault_slot;
    char how[96];

    if (culprit >= 0 && culprit != slot->index)
        return ISOLATION_RELEASE;
    mutex_lock(&isolation->lock);
    count_death(isolation);
    mutex_unlock(&isolation->lock);
    if (end.killed_for >= 0) {
        snprintf(result->message, result->message_size,
                 "it was told to stop and did not: its process was killed %" PRId64 " ms later",
                 isolation->config->kill_after_us / 1000);
        return DUEQ_RETRY;
    }
    describe(&end, how, sizeof how);
    snprintf(result->message, result->message_size, "the process of handler %s %s",
             isolation->plan.handler, how);
    uint64_t suppressed = 0;
    if (log_limit_pass(&isolation->death_log, LOG_EVERY_US, &suppressed))
        log_warning("a process of a handler %s: handler=%s kind=%s job=%" PRIu64
                    " attempt=%u not_logged=%" PRIu64,
                    how, isolation->plan.handler, job->kind, job->id, job->attempt, suppressed);
    return ISOLATION_CRASHED;
}

static int32_t run(void *instance, void *local, const struct dueq_job *job,
                   struct dueq_result *result)
{
    struct isolation *isolation = instance;
    int32_t said = DUEQ_RETRY;

    (void) local;
    struct host_slot *slot = take_slot(isolation, job, result, &said);
    if (!slot)
        return said;
    bool lives = exchange(isolation, slot, job, result, &said);
    if (!lives) {
        mutex_lock(&isolation->lock);
        give_up(isolation, slot->process);
        mutex_unlock(&isolation->lock);
        said = judge(isolation, slot, job, result);
    }
    give_back(isolation, slot, !lives);
    return said;
}

static int allocate(struct isolation *isolation)
{
    isolation->processes = calloc(isolation->config->count, sizeof *isolation->processes);
    isolation->retired = calloc(isolation->config->count, sizeof *isolation->retired);
    return isolation->processes && isolation->retired ? 0 : -ENOMEM;
}

/* The very file that dueqd has loaded, whatever is put in its place later. */
static int open_plugin(struct isolation *isolation, const struct plugin *plugin,
                       struct error *error)
{
    isolation->plan.plugin = open(plugin->file, O_RDONLY | O_CLOEXEC);
    if (isolation->plan.plugin >= 0)
        return 0;
    error_set(error, "%s: %s", plugin->file, strerror(errno));
    return -EINVAL;
}

int isolation_new(const struct plugin *plugin, const struct options_place *place,
                  const struct config_kind *kind, const struct handler_callbacks *callbacks,
                  struct isolation **ret_isolation, struct config_report *report)
{
    struct isolation *isolation = calloc(1, sizeof *isolation);
    struct error error = { "" };

    if (!isolation)
        return -ENOMEM;
    *isolation = (struct isolation){
        .handler = { .abi_major = DUEQ_ABI_MAJOR,
                     .abi_minor = DUEQ_ABI_MINOR,
                     .size = sizeof isolation->handler,
                     .name = plugin->handler.name,
                     .run = run },
        .callbacks = callbacks,
        .config = &kind->process,
        .plan = { .program = isolation->program,
                  .plugin = -1,
                  .handler = plugin->handler.name,
                  .pattern = kind->kind,
                  .place = *place,
                  .options = kind->options,
                  .option_count = kind->option_count,
                  .config = &kind->process },
        .breaker = { .limit = DEATHS, .first_us = PAUSE_US, .most_us = PAUSE_MAX_US },
    };
    mutex_init(&isolation->lock);
    condition_init(&isolation->idle);
    find_program(isolation->program);
    int result = allocate(isolation);
    if (!result)
        result = open_plugin(isolation, plugin, &error);
    size_t problems = report->error_count;
    if (!result)
        result = host_process_start(&isolation->plan, &isolation->processes[0], report, &error);
    if (result) {
        isolation_free(isolation);
        if (result == -ENOMEM)
            return result;
        if (report->error_count == problems)
            config_report_add(report, false, place->file, place->line,
                              "%s: handler '%s' in a process of its own: %s", place->path,
                              plugin->handler.name, error.text);
        return -EINVAL;
    }
    isolation->process_count = 1;
    *ret_isolation = isolation;
    return 0;
}

const struct dueq_handler *isolation_handler(const struct isolation *isolation)
{
    return &isolation->handler;
}

void isolation_free(struct isolation *isolation)
{
    if (!isolation)
        return;
    mutex_lock(&isolation->lock);
    while (isolation->process_count > 0)
        retire(isolation, isolation->processes[0]);
    reap_retired(isolation, isolation->config->kill_after_us);
    mutex_unlock(&isolation->lock);
    if (isolation->plan.plugin >= 0)
        close(isolation->plan.plugin);
    condition_done(&isolation->idle);
    mutex_done(&isolation->lock);
    free(isolation->processes);
    free(isolation->retired);
    free(isolation);
}
