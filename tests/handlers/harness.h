#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config.h"
#include "dueq_handler.h"
#include "registry.h"

/* One handler, opened through the registry as dueqd would, for a kind "test" with the options
 * given; then jobs are run with it one call at a time. Nothing here asserts but
 * harness_open_or_fail: the test does. */
struct harness {
    struct config config;
    struct config_kind kind;
    struct config_report report;
    struct registry *registry;
    const struct binding *binding; /* NULL: open() was refused, see the report */
};

/* `directory` holds the plugin; options are borrowed until harness_close. 0 or a negative errno. */
int harness_open(struct harness *harness, const char *directory, const char *handler,
                 const struct config_option *options, size_t option_count);

/* As above, and ends the test with the report's text where the handler could not be opened. */
void harness_open_or_fail(struct harness *harness, const char *directory, const char *handler,
                          const struct config_option *options, size_t option_count);

/* Takes a zeroed one. Every pending job must have been finished. */
void harness_close(struct harness *harness);

/* True if one of the report's errors (not warnings) contains `text`. */
bool harness_reported(const struct harness *harness, const char *text);

/* One attempt of one job, and what came of it. */
struct harness_job {
    struct dueq_job job; /* as harness_job_init filled it; change what the test is about */
    struct dueq_result result;
    char message[1024];

    pthread_mutex_t lock; /* of all below */
    pthread_cond_t changed;
    bool cancelled;
    bool finished; /* host->finish was called */
    unsigned finish_count;
    enum dueq_outcome outcome; /* finish's, as the two below */
    int64_t delay_us;
    char *finish_message; /* "" for NULL */
    int64_t extended_us;  /* what host->extend said last; -1: it was not called */
};

/* id 1, attempt 1 of 20, timeout 30 s, no headers; payload is borrowed. */
void harness_job_init(struct harness_job *job, const char *payload);

/* Takes a zeroed one, and leaves one. */
void harness_job_done(struct harness_job *job);

/* run() in the calling thread, thread_open and thread_close around it; what run() returned. Where
 * thread_open refuses: DUEQ_RETRY, as dueqd counts it. */
int32_t harness_run(const struct harness *harness, struct harness_job *job);

/* Makes host->cancelled say 1 from now on. Any thread. */
void harness_cancel(struct harness_job *job);

/* Waits until host->finish was called; false after 30 s, the limit against hanging. */
bool harness_wait(struct harness_job *job);
