/* noop: does nothing, in every way a handler can. Tests, benchmarks and demonstrations run on it;
 * its options are in docs/handlers.md. Without any a run is `return DUEQ_DONE` and nothing else. */

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "dueq_handler.h"
#include "behaviour.h"
#include "finisher.h"
#include "journal.h"

enum { CANCEL_POLL_US = 10000 }; /* how late a cancelled run may notice */

struct noop {
    const struct dueq_host *host;
    struct behaviour behaviour;
    bool reads_payloads;
    int journal, journal_end;  /* -1: none */
    struct finisher *finisher; /* NULL: no run can be pending */
};

static int64_t now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000LL + now.tv_nsec / 1000;
}

/* False if the run was cancelled meanwhile. */
static bool sleep_for(const struct noop *noop, const struct dueq_job *job, int64_t sleep_us)
{
    int64_t until_us = sleep_us > 0 ? now_us() + sleep_us : 0;
    while (until_us > 0) {
        if (noop->host->cancelled(job))
            return false;
        int64_t rest_us = until_us - now_us();
        if (rest_us <= 0)
            break;
        long slice_us = rest_us < CANCEL_POLL_US ? (long) rest_us : CANCEL_POLL_US;
        nanosleep(&(struct timespec){ .tv_nsec = slice_us * 1000 }, NULL);
    }
    return true;
}

static int32_t retry_because(struct dueq_result *result, const char *what, int error)
{
    snprintf(result->message, result->message_size, "%s: %s", what, strerror(-error));
    return DUEQ_RETRY;
}

static int32_t behave(const struct noop *noop, const struct behaviour *behaviour,
                      const struct dueq_job *job, struct dueq_result *result)
{
    int r = journal_write(noop->journal, job);
    if (r < 0)
        return retry_because(result, "writing journal", r);
    if (behaviour->outcome == DUEQ_PENDING) {
        r = finisher_add(noop->finisher, behaviour, job);
        return r < 0 ? retry_because(result, "pending", r) : DUEQ_PENDING;
    }

    bool slept = sleep_for(noop, job, behaviour->sleep_us);
    r = journal_write(noop->journal_end, job);
    if (r < 0)
        return retry_because(result, "writing journal_end", r);
    if (!slept) {
        snprintf(result->message, result->message_size, "cancelled");
        return DUEQ_RETRY;
    }
    enum dueq_outcome outcome = behaviour_outcome(behaviour, job);
    if (outcome != DUEQ_DONE)
        behaviour_fill_message(behaviour, job, result->message, result->message_size);
    result->delay_us = behaviour->delay_us;
    return (int32_t) outcome;
}

static int32_t noop_run(void *instance, void *local, const struct dueq_job *job,
                        struct dueq_result *result)
{
    (void) local;
    const struct noop *noop = instance;
    if (!noop)
        return DUEQ_DONE;
    if (!noop->reads_payloads)
        return behave(noop, &noop->behaviour, job, result);

    struct behaviour behaviour = noop->behaviour;
    char *strings;
    int32_t outcome = DUEQ_DEAD;
    if (behaviour_from_payload(job, &behaviour, result, &strings) == 0)
        outcome = behave(noop, &behaviour, job, result);
    free(strings);
    return outcome;
}

static void noop_close(void *instance)
{
    struct noop *noop = instance;
    if (!noop)
        return;
    finisher_free(noop->finisher);
    journal_close(noop->journal_end);
    journal_close(noop->journal);
    free(noop);
}

/* True where every run is `return DUEQ_DONE`: it needs no instance then. */
static bool does_nothing(const struct noop *noop)
{
    const struct behaviour *behaviour = &noop->behaviour;
    return behaviour->outcome == DUEQ_DONE && behaviour->sleep_us == 0 &&
           behaviour->fail_times == 0 && !noop->reads_payloads && noop->journal < 0 &&
           noop->journal_end < 0;
}

static int32_t noop_open(const struct dueq_host *host, const struct dueq_options *options,
                         void **ret_instance)
{
    struct noop *noop = calloc(1, sizeof *noop);
    if (!noop)
        return -1;
    noop->host = host;
    noop->journal = noop->journal_end = -1;

    int32_t reads_payloads = 0;
    int wrong = 0; /* goes on after an error, so that one look names them all */
    wrong |= behaviour_from_options(host, options, &noop->behaviour);
    wrong |= host->option_boolean(options, "payload", 0, &reads_payloads);
    wrong |= journal_open(host, options, "journal", &noop->journal);
    wrong |= journal_open(host, options, "journal_end", &noop->journal_end);
    noop->reads_payloads = reads_payloads;
    if (!wrong && (noop->reads_payloads || noop->behaviour.outcome == DUEQ_PENDING)) {
        noop->finisher = finisher_new(host, noop->journal_end);
        wrong = !noop->finisher;
        if (wrong)
            host->option_error(options, NULL, "no thread or memory for pending runs");
    }
    if (wrong || does_nothing(noop)) {
        noop_close(noop);
        return wrong ? -1 : 0;
    }
    *ret_instance = noop;
    return 0;
}

DUEQ_EXPORT const struct dueq_handler dueq_handler = {
    .abi_major = DUEQ_ABI_MAJOR,
    .abi_minor = DUEQ_ABI_MINOR,
    .size = sizeof dueq_handler,
    .name = "noop",
    .open = noop_open,
    .close = noop_close,
    .run = noop_run,
};
