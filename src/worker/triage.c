#include "triage.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "batch.h"
#include "retry_choice.h"
#include "source.h"
#include "task.h"
#include "unbound.h"

enum {
    STILL_RUNNING_US = 1000000, /* when to look again at a row that is due but runs here: the
                                   keeper, if it can, renews its lease before */
};

static void put_off(struct source *source, struct claimed *item, const char *why)
{
    item->verdict = CLAIM_PUT_OFF;
    item->put_off_us = unbound_delay_us(item->job.claimed_at_us - item->job.created_at_us);
    unbound_count(source->unbound, source->config->name, item->job.kind, why);
    atomic_fetch_add(&source->counters.put_off, 1);
}

/* Is it to be run under the row lock? Not its last attempt, which a crash could then run once more
 * than allowed; and not after a lease that ran out, which is to be written down first. */
static bool is_held(const struct round *round, const struct job *job, const struct binding *binding,
                    uint32_t limit)
{
    if (!round->may_hold || job->expired_lease || job->attempts + 1 >= limit)
        return false;
    if (round->queue->claim == CONFIG_CLAIM_HOLD)
        return true;
    int64_t p95_us = source_run_time_us(round->source, binding);
    return p95_us > 0 && p95_us <= round->queue->hold_us;
}

/* A row that runs here already, as far as we know: under a lease that seems to have run out, or
 * under a row lock that was lost. True: that has been decided. */
static bool decide_running(struct round *round, struct claimed *item)
{
    switch (source_find(round->source, &item->job)) {
    case SOURCE_HAS_NOT:
        return false;
    case SOURCE_RUNS:
        /* Not ours to renew where the lease is another daemon's: then an earlier attempt runs here
         * and has yet to stop. Either way it must not stand before the others. */
        item->verdict = CLAIM_KEEP;
        item->put_off_us = STILL_RUNNING_US;
        return true;
    case SOURCE_RUNS_WITHOUT_LOCK: /* and shall from now on do so under the lease of this claim */
        return true;
    case SOURCE_SETTLES:
        item->verdict = CLAIM_RELEASE;
        return true;
    }
    return false;
}

/* What is to become of a row. *ret_binding, *ret_retry: set where it is to be run. */
static void decide(struct round *round, struct claimed *item, const struct binding **ret_binding,
                   const struct retry_policy **ret_retry)
{
    const struct job *job = &item->job;

    if (item->verdict != CLAIM_RUN)
        return;
    if (job->state == JOB_PREPARED) {
        put_off(round->source, item,
                "they are prepared messages, and no handler of the kind can be asked about them");
        return;
    }
    if (decide_running(round, item))
        return;
    const struct binding *binding = registry_find(round->source->registry, job->kind);
    if (!binding) {
        put_off(round->source, item, "no handler is bound to this kind");
        return;
    }
    const struct retry_policy *retry = retry_choice(round->source, job->id, job->kind, job->retry,
                                                    binding, round->queue);
    uint32_t limit = retry_policy_limit(retry, job->max_attempts);
    if (job->attempts >= limit) {
        item->verdict = CLAIM_DEAD;
        item->reason = job->expired_lease ? DEAD_EXPIRED : DEAD_EXHAUSTED;
        item->message = job->expired_lease
                            ? "the lease of its last allowed attempt ran out"
                            : "it has no attempt left: max_attempts was lowered below its attempts";
        return;
    }
    if (is_held(round, job, binding, limit))
        item->verdict = CLAIM_SETTLE;
    *ret_binding = binding;
    *ret_retry = retry;
}

static void fill_abi(struct task *task, const struct source *source, char *message_id)
{
    const struct job *job = &task->job;
    int64_t timeout_us = task->queue->timeout_us;

    if (task->binding->config && task->binding->config->timeout_us)
        timeout_us = task->binding->config->timeout_us;
    task->abi = (struct dueq_job){
        .size = sizeof task->abi,
        .attempt = job->attempts,
        .max_attempts = retry_policy_limit(task->retry, job->max_attempts),
        .id = job->id,
        .message_id = message_id,
        .source = source->config->name,
        .queue = task->queue->name,
        .kind = job->kind,
        .payload = job->payload,
        .payload_len = job->payload_len,
        .headers = job->headers,
        .headers_len = job->headers_len,
        .created_at_us = job->created_at_us,
        .due_at_us = job->due_at_us,
        .timeout_us = timeout_us,
    };
}

static struct task *make_task(struct round *round, const struct claimed *item,
                              const struct binding *binding, const struct retry_policy *retry)
{
    enum { ID_SIZE = SCHEMA_SOURCE_ID_SIZE + 21 };
    struct task *task = arena_alloc(&round->batch->arena, sizeof *task + ID_SIZE);
    if (!task)
        return NULL;
    task->job = item->job;
    task->job.attempts++; /* the one that is to begin */
    task->batch = round->batch;
    task->source = round->source;
    task->pool = round->pool;
    task->binding = binding;
    task->retry = retry;
    task->queue = round->queue;
    task->lease_until_us = INT64_MAX; /* unless it is leased */
    char *message_id = (char *) (task + 1);
    snprintf(message_id, ID_SIZE, "%s-%" PRIu64, round->source_id, item->job.id);
    fill_abi(task, round->source, message_id);
    return task;
}

bool triage(struct round *round)
{
    size_t count = round->claim.count;

    round->held = 0;
    round->tasks = arena_alloc(&round->batch->arena, count * sizeof(struct task *));
    if (!round->tasks)
        return false;
    for (size_t i = 0; i < count; i++) {
        struct claimed *item = &round->claim.items[i];
        const struct binding *binding = NULL;
        const struct retry_policy *retry = NULL;

        decide(round, item, &binding, &retry);
        if (!binding)
            continue;
        round->tasks[i] = make_task(round, item, binding, retry);
        if (!round->tasks[i])
            item->verdict = CLAIM_RELEASE;
        else if (item->verdict == CLAIM_SETTLE)
            round->held++;
    }
    return true;
}
