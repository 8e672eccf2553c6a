#include "http_sender.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static struct config_option *next_option(struct sender *sender)
{
    assert_true(sender->option_count < sizeof sender->options / sizeof sender->options[0]);
    return &sender->options[sender->option_count++];
}

void sender_option(struct sender *sender, const char *name, const char *text)
{
    *next_option(sender) = (struct config_option){ .name = name, .line = 2, .text = text };
}

void sender_list(struct sender *sender, const char *name, const char *const *items, size_t count)
{
    *next_option(sender) = (struct config_option){
        .name = name, .line = 2, .is_list = true, .items = items, .item_count = count
    };
}

void sender_open(struct sender *sender, const char *url_format, ...)
{
    va_list args;
    va_start(args, url_format);
    vsnprintf(sender->url, sizeof sender->url, url_format, args);
    va_end(args);
    sender_option(sender, "url", sender->url);
    harness_open_or_fail(&sender->harness, DUEQ_TEST_HANDLERS, "http", sender->options,
                         sender->option_count);
}

void sender_close(struct sender *sender)
{
    harness_close(&sender->harness);
    *sender = (struct sender){ 0 };
}

void sender_run(struct sender *sender, struct harness_job *job)
{
    int32_t outcome = harness_run(&sender->harness, job);
    if (outcome == DUEQ_PENDING) {
        if (!harness_wait(job))
            fail_msg("the job has not ended");
        assert_int_equal(job->finish_count, 1);
        return;
    }
    job->outcome = (enum dueq_outcome) outcome;
    job->delay_us = job->result.delay_us;
    job->finish_message = strdup(job->message);
}

enum dueq_outcome sender_send(struct sender *sender, const char *payload, char *message,
                              size_t size)
{
    struct harness_job job;
    harness_job_init(&job, payload);
    sender_run(sender, &job);
    if (message)
        snprintf(message, size, "%s", job.finish_message);
    enum dueq_outcome outcome = job.outcome;
    harness_job_done(&job);
    return outcome;
}

void assert_contains(const char *text, const char *part)
{
    if (!strstr(text, part))
        fail_msg("expected '%s' in '%s'", part, text);
}

void assert_lacks(const char *text, const char *part)
{
    if (strstr(text, part))
        fail_msg("expected no '%s' in '%s'", part, text);
}
