#pragma once

#include <stddef.h>

#include "header.h"

/* What a job's headers column asks to be sent as HTTP headers: its members traceparent, tracestate
 * and content-type, and all members of an object "http". Other members are other handlers' and are
 * passed over; so is a null.
 *
 * json: may be NULL. configured: the operator's own headers, which a producer cannot set as well.
 * Returns 0 with the headers appended to the list, -ENOMEM, or -EINVAL with the words for it in
 * `problem`: the column is no JSON object, or a member is not a string, not a valid header, given
 * twice, or not a producer's to set. The list may then hold a part of them. Never quotes a value:
 * it may be a secret. */
int job_headers_add(const char *json, size_t json_len, const struct header_list *configured,
                    struct header_list *list, char *problem, size_t problem_size)
    __attribute__((warn_unused_result));
