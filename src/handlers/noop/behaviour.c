#include "behaviour.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define DAY_US (86400LL * 1000000)
#define YEAR_US (365LL * DAY_US)

enum { MESSAGE_BYTES_MAX = 16 * 1024 * 1024 }; /* as long as a payload may be */
enum { OWN_WORDS_SIZE = 64 };

static const char *const outcome_names[] = {
    [DUEQ_DONE] = "done", [DUEQ_RETRY] = "retry",     [DUEQ_SNOOZE] = "snooze",
    [DUEQ_DEAD] = "dead", [DUEQ_PENDING] = "pending",
};

/* Up to and including `last`; false: no such name. */
static bool find_outcome(const char *name, enum dueq_outcome last, enum dueq_outcome *ret)
{
    for (unsigned i = 0; i <= (unsigned) last; i++)
        if (strcmp(outcome_names[i], name) == 0) {
            *ret = (enum dueq_outcome) i;
            return true;
        }
    return false;
}

static const char *expected_outcomes(enum dueq_outcome last)
{
    return last == DUEQ_PENDING ? "expected done, retry, snooze, dead or pending"
                                : "expected done, retry, snooze or dead";
}

static int option_outcome(const struct dueq_host *host, const struct dueq_options *options,
                          const char *name, enum dueq_outcome last, enum dueq_outcome *ret)
{
    const char *text = host->option_string(options, name, "done");
    if (find_outcome(text, last, ret))
        return 0;
    host->option_error(options, name, "%s, found '%s'", expected_outcomes(last), text);
    return -1;
}

int behaviour_from_options(const struct dueq_host *host, const struct dueq_options *options,
                           struct behaviour *ret_behaviour)
{
    struct behaviour found = { 0 };
    int wrong = 0; /* goes on after an error, so that one look names them all */
    wrong |= host->option_duration(options, "sleep", 0, DAY_US, 0, &found.sleep_us);
    wrong |= option_outcome(host, options, "outcome", DUEQ_PENDING, &found.outcome);
    wrong |= option_outcome(host, options, "finish", DUEQ_DEAD, &found.finish);
    wrong |= host->option_integer(options, "fail_times", 0, UINT32_MAX, 0, &found.fail_times);
    wrong |= host->option_duration(options, "delay", 0, YEAR_US, -1, &found.delay_us);
    found.message = host->option_string(options, "message", NULL);
    wrong |= host->option_integer(options, "message_bytes", 0, MESSAGE_BYTES_MAX, 0,
                                  &found.message_bytes);
    if (wrong)
        return -1;
    *ret_behaviour = found;
    return 0;
}

/* *ret stays where the key is absent; -1 with words in the result. */
static int read_number(const json_t *object, const char *key, double maximum, double *ret,
                       struct dueq_result *result)
{
    const json_t *value = json_object_get(object, key);
    if (!value)
        return 0;
    double number = json_number_value(value);
    if (!json_is_number(value) || number < 0 || number > maximum) {
        snprintf(result->message, result->message_size,
                 "payload: %s: expected a number from 0 to %.0f", key, maximum);
        return -1;
    }
    *ret = number;
    return 0;
}

static int read_outcome(const json_t *object, const char *key, enum dueq_outcome last,
                        enum dueq_outcome *ret, struct dueq_result *result)
{
    const json_t *value = json_object_get(object, key);
    if (!value || (json_is_string(value) && find_outcome(json_string_value(value), last, ret)))
        return 0;
    snprintf(result->message, result->message_size, "payload: %s: %s", key,
             expected_outcomes(last));
    return -1;
}

static int read_object(const json_t *object, struct behaviour *behaviour,
                       struct dueq_result *result)
{
    double sleep_ms = (double) behaviour->sleep_us / 1000, delay_ms = -1;
    double fail_times = (double) behaviour->fail_times;
    double message_bytes = (double) behaviour->message_bytes;
    if (read_number(object, "sleep_ms", (double) DAY_US / 1000, &sleep_ms, result) < 0 ||
        read_number(object, "delay_ms", (double) YEAR_US / 1000, &delay_ms, result) < 0 ||
        read_number(object, "fail_times", UINT32_MAX, &fail_times, result) < 0 ||
        read_number(object, "message_bytes", MESSAGE_BYTES_MAX, &message_bytes, result) < 0 ||
        read_outcome(object, "outcome", DUEQ_PENDING, &behaviour->outcome, result) < 0 ||
        read_outcome(object, "finish", DUEQ_DEAD, &behaviour->finish, result) < 0)
        return -1;
    behaviour->sleep_us = (int64_t) (sleep_ms * 1000);
    if (delay_ms >= 0)
        behaviour->delay_us = (int64_t) (delay_ms * 1000);
    behaviour->fail_times = (int64_t) fail_times;
    behaviour->message_bytes = (int64_t) message_bytes;
    return 0;
}

int behaviour_from_payload(const struct dueq_job *job, struct behaviour *behaviour,
                           struct dueq_result *result, char **ret_strings)
{
    *ret_strings = NULL;
    if (job->payload[0] != '{')
        return 0;
    json_t *object = json_loadb(job->payload, job->payload_len, 0, NULL);
    if (!object)
        return 0;
    int r = read_object(object, behaviour, result);
    const char *message = json_string_value(json_object_get(object, "message"));
    if (r == 0 && message) {
        *ret_strings = strdup(message);
        behaviour->message = *ret_strings;
    }
    json_decref(object);
    return r;
}

enum dueq_outcome behaviour_outcome(const struct behaviour *behaviour, const struct dueq_job *job)
{
    if (job->attempt <= behaviour->fail_times)
        return DUEQ_RETRY;
    return behaviour->outcome == DUEQ_PENDING ? behaviour->finish : behaviour->outcome;
}

size_t behaviour_message_size(const struct behaviour *behaviour)
{
    if (behaviour->message_bytes > 0)
        return (size_t) behaviour->message_bytes + 1;
    return behaviour->message ? strlen(behaviour->message) + 1 : OWN_WORDS_SIZE;
}

void behaviour_fill_message(const struct behaviour *behaviour, const struct dueq_job *job,
                            char *out, size_t size)
{
    char own[OWN_WORDS_SIZE];
    snprintf(own, sizeof own, "attempt %u was told to fail", job->attempt);
    const char *text = behaviour->message && *behaviour->message ? behaviour->message : own;
    size_t text_len = strlen(text);
    size_t len = behaviour->message_bytes > 0 ? (size_t) behaviour->message_bytes : text_len;
    if (len > size - 1)
        len = size - 1;
    for (size_t i = 0; i < len; i++)
        out[i] = text[i % text_len];
    out[len] = '\0';
}
