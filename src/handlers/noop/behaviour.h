#pragma once

#include <stddef.h>
#include <stdint.h>

#include "dueq_handler.h"

/* What a run of noop does: by the options, and by the payload where payloads are read. */
struct behaviour {
    int64_t sleep_us;
    int64_t delay_us; /* -1: none asked for */
    enum dueq_outcome outcome;
    enum dueq_outcome finish; /* any but DUEQ_PENDING: what a pending run is finished with */
    int64_t fail_times;
    const char *message;   /* NULL: words of our own */
    int64_t message_bytes; /* 0: as long as the message is */
};

/* 0, or -1 when dueqd has been told what is wrong. The strings are the options'. */
int behaviour_from_options(const struct dueq_host *host, const struct dueq_options *options,
                           struct behaviour *ret_behaviour);

/* Overrides `behaviour` by the keys of the payload, where it is a JSON object; else leaves it. 0,
 * or -1 with words in the result. *ret_strings owns what behaviour->message then points to: free it
 * after use; NULL: nothing. */
int behaviour_from_payload(const struct dueq_job *job, struct behaviour *behaviour,
                           struct dueq_result *result, char **ret_strings);

/* What the attempt comes to, once it has slept; never DUEQ_PENDING. */
enum dueq_outcome behaviour_outcome(const struct behaviour *behaviour, const struct dueq_job *job);

/* Bytes that behaviour_fill_message wants, its NUL included. */
size_t behaviour_message_size(const struct behaviour *behaviour);

/* Into `out`, cut to its size: the message, repeated up to message_bytes where that is set. */
void behaviour_fill_message(const struct behaviour *behaviour, const struct dueq_job *job,
                            char *out, size_t size);
