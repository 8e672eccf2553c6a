/* Keeps what it was given, so that a test can look at it. */
#include "recorder.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void write_trace(const struct recorder *recorder, const char *what)
{
    FILE *trace = recorder->trace ? fopen(recorder->trace, "a") : NULL;
    if (!trace)
        return;
    fprintf(trace, "%s %s\n", what, recorder->host->kind);
    fclose(trace);
}

static int refuse(const struct dueq_host *host, const struct dueq_options *options, const char *how)
{
    if (strcmp(how, "in general") == 0)
        host->option_error(options, NULL, "the moon is in the %s house", "seventh");
    else if (strcmp(how, "for want of an option") == 0)
        host->option_error(options, "url", "required");
    else if (strcmp(how, "for another option") == 0)
        host->option_error(options, "refuse", "not today");
    return -1;
}

static int32_t recorder_open(const struct dueq_host *host, const struct dueq_options *options,
                             void **ret_instance)
{
    struct recorder *recorder = calloc(1, sizeof *recorder);
    if (!recorder)
        return -1;
    recorder->host = host;
    recorder->text = host->option_string(options, "text", "nothing");
    recorder->list = host->option_list(options, "list", &recorder->list_count);
    recorder->trace = host->option_string(options, "trace", NULL);
    const char *how = host->option_string(options, "refuse", NULL);
    int32_t shrug = 0;
    int wrong = host->option_boolean(options, "shrug", 0, &shrug);
    wrong |= host->option_integer(options, "count", 1, 10, 5, &recorder->count);
    wrong |= host->option_boolean(options, "flag", 0, &recorder->flag);
    wrong |= host->option_duration(options, "pause", 1000000, 3600000000, 60000000,
                                   &recorder->pause_us);
    if (how)
        wrong |= refuse(host, options, how);
    if (wrong && !shrug) {
        free(recorder);
        return -1;
    }
    write_trace(recorder, "open");
    *ret_instance = recorder;
    return 0;
}

static void recorder_close(void *instance)
{
    struct recorder *recorder = instance;
    write_trace(recorder, "close");
    free(recorder);
}

/* The payload says which function of the host is to be called. */
static int32_t recorder_run(void *instance, void *local, const struct dueq_job *job,
                            struct dueq_result *result)
{
    (void) local;
    const struct dueq_host *host = ((struct recorder *) instance)->host;
    if (strcmp(job->payload, "log") == 0) {
        host->log(host, DUEQ_LOG_WARNING, "bad weather: wind=%d\n", 9);
        host->log(host, (enum dueq_log_level) 0, "two\nlines");
    } else if (strcmp(job->payload, "cancelled") == 0) {
        return host->cancelled(job) ? DUEQ_RETRY : DUEQ_DONE;
    } else if (strcmp(job->payload, "finish") == 0) {
        host->extend(job, 7000000);
        host->finish(job, DUEQ_SNOOZE, 5000000, "later");
        return DUEQ_PENDING;
    }
    snprintf(result->message, result->message_size, "%s", host->handler);
    return DUEQ_DONE;
}

DUEQ_EXPORT const struct dueq_handler dueq_handler = {
    .abi_major = DUEQ_ABI_MAJOR,
    .abi_minor = DUEQ_ABI_MINOR,
    .size = sizeof dueq_handler,
    .name = "recorder",
    .open = recorder_open,
    .close = recorder_close,
    .run = recorder_run,
};
