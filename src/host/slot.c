#include "slot.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "fault.h"
#include "thread.h"

enum { MESSAGE_SIZE = 8192 };

struct slot {
    struct dueq_job job; /* first, so that a callback finds its slot; of the frame received last */
    const struct slot_handler *handler;
    uint32_t index;
    pthread_t thread;
    struct channel channel; /* the thread receives; who sends has the lock */
    struct buffer out;      /* lock */

    void *local; /* what thread_open made */
    bool open;

    struct mutex lock;
    struct condition finished; /* of a job whose run() returned DUEQ_PENDING */
    bool is_finished;          /* lock, as all below */
    int32_t said;
    int64_t delay_us;
    char message[MESSAGE_SIZE];
};

struct slots {
    uint32_t count;
    struct slot each[];
};

static struct slot *slot_of(const struct dueq_job *job)
{
    return (struct slot *) (uintptr_t) job;
}

static void finish(const struct dueq_job *job, enum dueq_outcome outcome, int64_t delay_us,
                   const char *message)
{
    struct slot *slot = slot_of(job);

    mutex_lock(&slot->lock);
    slot->said = (int32_t) outcome;
    slot->delay_us = delay_us;
    snprintf(slot->message, sizeof slot->message, "%s", message ? message : "");
    slot->is_finished = true;
    condition_signal(&slot->finished);
    mutex_unlock(&slot->lock);
}

/* While a job runs dueqd sends nothing but that it shall stop. */
static int32_t cancelled(const struct dueq_job *job)
{
    return channel_has_input(&slot_of(job)->channel);
}

static void extend(const struct dueq_job *job, int64_t timeout_us)
{
    struct slot *slot = slot_of(job);

    mutex_lock(&slot->lock);
    frame_begin(&slot->out, FRAME_EXTEND);
    put_i64(&slot->out, timeout_us);
    int error = channel_send(&slot->channel, &slot->out);
    (void) error; /* dueqd is gone, and so is this process in a moment */
    mutex_unlock(&slot->lock);
}

const struct handler_callbacks slot_callbacks = { .finish = finish,
                                                  .cancelled = cancelled,
                                                  .extend = extend };

static bool take_job(struct slot *slot, struct frame *frame, uint32_t *ret_message_size)
{
    struct dueq_job *job = &slot->job;

    *job = (struct dueq_job){ .size = sizeof *job };
    job->id = (uint64_t) take_i64(frame);
    job->attempt = take_u32(frame);
    job->max_attempts = take_u32(frame);
    job->flags = take_u32(frame);
    job->created_at_us = take_i64(frame);
    job->due_at_us = take_i64(frame);
    job->timeout_us = take_i64(frame);
    *ret_message_size = take_u32(frame);
    job->message_id = take_text(frame, NULL);
    job->source = take_text(frame, NULL);
    job->queue = take_text(frame, NULL);
    job->kind = take_text(frame, NULL);
    job->payload = take_text(frame, &job->payload_len);
    job->headers = take_text(frame, &job->headers_len);
    return !frame->bad && *ret_message_size > 0;
}

static int32_t fail(struct dueq_result *result, const char *why)
{
    snprintf(result->message, result->message_size, "%s", why);
    return DUEQ_RETRY;
}

/* From now on, for the job that begins. A second is as fine as the kernel has it. */
static void limit_cpu(int64_t cpu_us)
{
    struct rusage used;
    struct rlimit limit;

    if (cpu_us <= 0 || getrusage(RUSAGE_SELF, &used) < 0 || getrlimit(RLIMIT_CPU, &limit) < 0)
        return;
    int64_t used_us = (used.ru_utime.tv_sec + used.ru_stime.tv_sec) * INT64_C(1000000) +
                      used.ru_utime.tv_usec + used.ru_stime.tv_usec;
    limit.rlim_cur = (rlim_t) ((used_us + cpu_us + 999999) / 1000000);
    setrlimit(RLIMIT_CPU, &limit);
}

static int32_t run(struct slot *slot, struct dueq_result *result)
{
    const struct dueq_handler *handler = slot->handler->handler;

    if (!slot->open && handler->thread_open &&
        handler->thread_open(slot->handler->instance, &slot->local) != 0)
        return fail(result, "the handler could not prepare this thread (thread_open failed)");
    slot->open = true;
    limit_cpu(slot->handler->cpu_us);
    return handler->run(slot->handler->instance, slot->local, &slot->job, result);
}

/* What the handler said then, in place of DUEQ_PENDING. */
static int32_t wait_finished(struct slot *slot, struct dueq_result *result)
{
    mutex_lock(&slot->lock);
    while (!slot->is_finished)
        condition_wait(&slot->finished, &slot->lock);
    result->delay_us = slot->delay_us;
    snprintf(result->message, result->message_size, "%s", slot->message);
    int32_t said = slot->said;
    mutex_unlock(&slot->lock);
    return said;
}

static bool send_result(struct slot *slot, int32_t said, const struct dueq_result *result)
{
    mutex_lock(&slot->lock);
    slot->is_finished = false;
    frame_begin(&slot->out, FRAME_RESULT);
    put_u32(&slot->out, (uint32_t) said);
    put_i64(&slot->out, result->delay_us);
    put_text(&slot->out, result->message, strlen(result->message));
    bool sent = channel_send(&slot->channel, &slot->out) == 0;
    mutex_unlock(&slot->lock);
    return sent;
}

static bool work(struct slot *slot, struct frame *frame)
{
    char message[MESSAGE_SIZE];
    uint32_t size;

    if (!take_job(slot, frame, &size))
        return false;
    struct dueq_result result = { .size = sizeof result,
                                  .message_size = size < sizeof message ? size : sizeof message,
                                  .delay_us = -1,
                                  .message = message };
    message[0] = '\0';
    int32_t said = run(slot, &result);
    if (said == DUEQ_PENDING)
        said = wait_finished(slot, &result);
    message[result.message_size - 1] = '\0';
    return send_result(slot, said, &result);
}

static void *slot_main(void *arg)
{
    struct slot *slot = arg;
    struct frame frame;
    void *stack = fault_thread_begin(slot);

    while (channel_receive(&slot->channel, &frame) == 1)
        if (frame.type == FRAME_JOB && !work(slot, &frame)) /* a CANCEL may have come too late */
            break;
    if (slot->open && slot->handler->handler->thread_close)
        slot->handler->handler->thread_close(slot->handler->instance, slot->local);
    fault_thread_end(stack);
    return NULL;
}

/* A fault_hook: the last words of this process. */
static void say_fault(void *thread, int number, bool own)
{
    const struct slot *slot = thread;
    struct {
        uint32_t len, type, slot, number;
    } last = { 2 * sizeof(uint32_t), FRAME_FAULT, 0, (uint32_t) number };

    if (!slot || !own)
        return;
    last.slot = slot->index;
    if (write(slot->handler->control, &last, sizeof last) < 0)
        return; /* dueqd is gone */
}

static int start(struct slots *slots, const struct slot_handler *handler, int fd)
{
    struct slot *slot = &slots->each[slots->count];
    char name[16];

    slot->handler = handler;
    slot->index = slots->count;
    channel_init(&slot->channel, fd);
    mutex_init(&slot->lock);
    condition_init(&slot->finished);
    snprintf(name, sizeof name, "slot %u", slot->index);
    int error = thread_start(&slot->thread, name, slot_main, slot);
    if (!error)
        slots->count++;
    return error;
}

int slots_start(const struct slot_handler *handler, int fd, uint32_t count,
                struct slots **ret_slots)
{
    struct slots *slots = calloc(1, sizeof *slots + count * sizeof *slots->each);
    if (!slots)
        return -ENOMEM;
    fault_catch(say_fault);
    for (uint32_t i = 0; i < count; i++) {
        int error = start(slots, handler, fd + (int) i);
        if (error)
            return error; /* the process ends, and they with it */
    }
    *ret_slots = slots;
    return 0;
}

void slots_join(struct slots *slots)
{
    for (uint32_t i = 0; i < slots->count; i++) {
        struct slot *slot = &slots->each[i];
        pthread_join(slot->thread, NULL);
        channel_done(&slot->channel);
        buffer_done(&slot->out);
        condition_done(&slot->finished);
        mutex_done(&slot->lock);
    }
    free(slots);
}
