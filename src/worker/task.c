#include "task.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "crashed_job.h"
#include "random.h"
#include "utf8.h"

enum { SNOOZE_DEFAULT_US = 1000000 };

/* prefix: ASCII. */
static void set_message(struct task *task, const char *prefix, const char *text, size_t len)
{
    size_t prefix_len = strlen(prefix);

    free(task->message);
    task->outcome.message = "";
    task->outcome.message_len = 0;

    size_t size = prefix_len + len * 3 + 1; /* each byte may become U+FFFD */
    if (size > TASK_MESSAGE_SIZE)
        size = TASK_MESSAGE_SIZE;
    task->message = malloc(size);
    if (!task->message)
        return;
    memcpy(task->message, prefix, prefix_len);
    task->outcome.message_len = prefix_len + utf8_scrub(text, len, task->message + prefix_len,
                                                        size - prefix_len);
    task->outcome.message = task->message;
}

static int64_t age_us(const struct task *task)
{
    if (task->job.created_at_us <= 0)
        return 0;
    int64_t since_claim_us = clock_now_us() -
                             (task->started_us ? task->started_us : clock_now_us());
    return task->job.claimed_at_us - task->job.created_at_us + since_claim_us;
}

static void fail(struct task *task, int64_t delay_us)
{
    const struct retry_failure failure = {
        .attempt = task->job.attempts,
        .max_attempts = task->job.max_attempts,
        .age_us = age_us(task),
        .asked_us = delay_us,
        .spread = random_unit(),
    };
    if (retry_policy_next(task->retry, &failure, &task->outcome.delay_us) == RETRY_LATER) {
        task->outcome.kind = OUTCOME_RETRY;
    } else {
        task->outcome.kind = OUTCOME_DEAD;
        task->outcome.reason = DEAD_EXHAUSTED;
    }
}

void task_identify(struct task *task)
{
    task->outcome.id = task->job.id;
    task->outcome.lease = task->job.lease;
    task->outcome.attempt = task->job.attempts;
    task->outcome.due_at_us = task->job.due_at_us;
    task->outcome.unique_key = task->job.unique_key;
    task->outcome.unique_key_len = task->job.unique_key_len;
    task->outcome.result = SETTLE_OPEN;
}

void task_release(struct task *task)
{
    task->outcome.kind = OUTCOME_RELEASE;
}

static void note_time(struct task *task)
{
    if (task->started_us)
        task->took_us = clock_now_us() - task->started_us + 1;
}

void task_crash(struct task *task, const char *message)
{
    note_time(task);
    task->crashed = true;
    set_message(task, CRASHED_PREFIX, message, strlen(message));
    fail(task, -1);
}

/* Crashes are counted by what their messages begin with, which no handler's own may. */
static const char *prefix_of(const char *message, size_t len)
{
    static const char crashed[] = CRASHED_PREFIX;
    size_t crashed_len = sizeof crashed - 1;
    return len >= crashed_len && memcmp(message, crashed, crashed_len) == 0 ? "the handler says: "
                                                                            : "";
}

void task_resolve(struct task *task, int32_t said, int64_t delay_us, const char *message,
                  size_t message_len)
{
    char unknown[80];

    note_time(task);
    if (said == DUEQ_DONE) {
        task->outcome.kind = OUTCOME_DONE;
        return;
    }
    if (said == DUEQ_SNOOZE) {
        task->outcome.kind = OUTCOME_SNOOZE;
        task->outcome.delay_us = delay_us >= 0 ? delay_us : SNOOZE_DEFAULT_US;
        return;
    }
    if (said == DUEQ_RETRY && task->shutdown) {
        task_release(task);
        return;
    }
    if (said != DUEQ_RETRY && said != DUEQ_DEAD) {
        snprintf(unknown, sizeof unknown, "the handler returned %d, which is no outcome", said);
        message = unknown;
        message_len = strlen(unknown);
    } else if (message_len == 0) {
        message = "the handler gave no reason";
        message_len = strlen(message);
    }
    set_message(task, prefix_of(message, message_len), message, message_len);
    if (said == DUEQ_DEAD) {
        task->outcome.kind = OUTCOME_DEAD;
        task->outcome.reason = DEAD_HANDLER;
    } else {
        fail(task, delay_us);
    }
}
