#include "harness.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>

#define JOB_OF(pointer)                                                                            \
    ((struct harness_job *) (uintptr_t) (const void *) (pointer)) /* its first member */

static void on_finish(const struct dueq_job *ended, enum dueq_outcome outcome, int64_t delay_us,
                      const char *message)
{
    struct harness_job *job = JOB_OF(ended);
    pthread_mutex_lock(&job->lock);
    free(job->finish_message);
    job->finish_message = strdup(message ? message : "");
    job->outcome = outcome;
    job->delay_us = delay_us;
    job->finished = true;
    job->finish_count++;
    pthread_cond_broadcast(&job->changed);
    pthread_mutex_unlock(&job->lock);
}

static int32_t on_cancelled(const struct dueq_job *asked)
{
    struct harness_job *job = JOB_OF(asked);
    pthread_mutex_lock(&job->lock);
    int32_t cancelled = job->cancelled;
    pthread_mutex_unlock(&job->lock);
    return cancelled;
}

static void on_extend(const struct dueq_job *asked, int64_t timeout_us)
{
    struct harness_job *job = JOB_OF(asked);
    pthread_mutex_lock(&job->lock);
    job->extended_us = timeout_us;
    pthread_mutex_unlock(&job->lock);
}

static const struct handler_callbacks callbacks = {
    .finish = on_finish,
    .cancelled = on_cancelled,
    .extend = on_extend,
};

int harness_open(struct harness *harness, const char *directory, const char *handler,
                 const struct config_option *options, size_t option_count)
{
    *harness = (struct harness){
        .kind = { .kind = "test",
                  .handler = handler,
                  .options = options,
                  .option_count = option_count,
                  .line = 1 },
    };
    harness->config = (struct config){
        .file = "test.conf",
        .kinds = &harness->kind,
        .kind_count = 1,
        .handler_directory = directory,
    };
    int r = registry_new(&harness->config, &callbacks, &harness->registry, &harness->report);
    if (r == 0)
        harness->binding = registry_find(harness->registry, "test");
    return r;
}

void harness_open_or_fail(struct harness *harness, const char *directory, const char *handler,
                          const struct config_option *options, size_t option_count)
{
    assert_int_equal(harness_open(harness, directory, handler, options, option_count), 0);
    if (!harness->binding)
        fail_msg("%s was not opened: %s", handler,
                 harness->report.count ? harness->report.problems[0].text : "no report");
}

void harness_close(struct harness *harness)
{
    registry_free(harness->registry);
    config_report_done(&harness->report);
    *harness = (struct harness){ 0 };
}

bool harness_reported(const struct harness *harness, const char *text)
{
    for (size_t i = 0; i < harness->report.count; i++)
        if (!harness->report.problems[i].warning && strstr(harness->report.problems[i].text, text))
            return true;
    return false;
}

void harness_job_init(struct harness_job *job, const char *payload)
{
    *job = (struct harness_job){ .extended_us = -1 };
    job->job = (struct dueq_job){
        .size = sizeof job->job,
        .attempt = 1,
        .max_attempts = 20,
        .id = 1,
        .message_id = "00000000-0000-4000-8000-000000000000:1",
        .source = "main",
        .queue = "default",
        .kind = "test",
        .payload = payload,
        .payload_len = strlen(payload),
        .created_at_us = 1700000000000000,
        .due_at_us = 1700000001000000,
        .timeout_us = 30000000,
    };
    job->result = (struct dueq_result){
        .size = sizeof job->result,
        .message_size = sizeof job->message,
        .delay_us = -1,
        .message = job->message,
    };
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_mutex_init(&job->lock, NULL);
    pthread_cond_init(&job->changed, &attributes);
    pthread_condattr_destroy(&attributes);
}

void harness_job_done(struct harness_job *job)
{
    free(job->finish_message);
    pthread_cond_destroy(&job->changed);
    pthread_mutex_destroy(&job->lock);
    *job = (struct harness_job){ 0 };
}

int32_t harness_run(const struct harness *harness, struct harness_job *job)
{
    const struct dueq_handler *handler = harness->binding->handler;
    void *instance = harness->binding->instance;
    void *local = NULL;
    if (handler->thread_open && handler->thread_open(instance, &local) != 0)
        return DUEQ_RETRY;
    int32_t outcome = handler->run(instance, local, &job->job, &job->result);
    if (handler->thread_close)
        handler->thread_close(instance, local);
    return outcome;
}

void harness_cancel(struct harness_job *job)
{
    pthread_mutex_lock(&job->lock);
    job->cancelled = true;
    pthread_mutex_unlock(&job->lock);
}

bool harness_wait(struct harness_job *job)
{
    struct timespec limit;
    clock_gettime(CLOCK_MONOTONIC, &limit);
    limit.tv_sec += 30;
    pthread_mutex_lock(&job->lock);
    int r = 0;
    while (!job->finished && r == 0)
        r = pthread_cond_timedwait(&job->changed, &job->lock, &limit);
    bool finished = job->finished;
    pthread_mutex_unlock(&job->lock);
    return finished;
}
