#pragma once

#include <curl/curl.h>

#include "destination.h"
#include "dueq_handler.h"
#include "request.h"

/* What came of a request, as host->finish wants it. */
struct verdict {
    enum dueq_outcome outcome;
    int64_t delay_us;       /* what Retry-After asked for, or -1 */
    char message[6 * 1024]; /* "" with DUEQ_DONE. Room for the longest response_tail and what stands
                               before it */
};

/* The request has ended with `code`: libcurl's, or the engine's where it gave the request up for
 * want of time (CURLE_OPERATION_TIMEDOUT) or memory (CURLE_OUT_OF_MEMORY). What that says of the
 * destination: a gateway's 502, 503 and 504 speak for one that does not answer. */
enum destination_end verdict_of_end(const struct request *request, CURLcode code,
                                    struct verdict *ret_verdict);

/* It was not begun, since its destination rests: not now, uncharged, and spread, so that all who
 * wait do not come back at once. */
void verdict_of_rest(int64_t wait_us, struct verdict *ret_verdict);

/* host->cancelled asked for its end. */
void verdict_of_cancel(const struct request *request, struct verdict *ret_verdict);
