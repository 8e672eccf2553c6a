#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <curl/curl.h>

#include "dueq_handler.h"
#include "lookup_gate.h"
#include "options.h"
#include "response.h"

/* How far a request has come; for the words of a failure. */
enum request_phase {
    REQUEST_QUEUED,     /* not handed to libcurl, or waiting there for a connection */
    REQUEST_LOOKUP,     /* the host's name is being looked up */
    REQUEST_CONNECTING, /* TCP, TLS, a proxy */
    REQUEST_SENDING,    /* connected; the response has not begun */
    REQUEST_READING,    /* the response has begun */
};

/* One attempt of one job, as an HTTP request. Made by run() in a thread of the pool, then owned by
 * the engine. */
struct request {
    struct request *next; /* in the one list of the engine that holds it, as the next */
    struct request *prev;
    const struct dueq_job *job; /* borrowed until it is finished */
    const struct http_options *options;
    int64_t deadline_us;         /* these three CLOCK_MONOTONIC; INT64_MAX: none */
    int64_t begun_us;            /* when it was handed to libcurl */
    int64_t connect_deadline_us; /* of look-up, TCP and TLS together, once they have begun */

    CURL *easy;
    struct curl_slist *headers;
    struct response response;
    enum request_phase phase;
    bool begun;       /* counted by the destination as running */
    bool looked_up;   /* libcurl's cache did not know the address */
    int socket_error; /* errno, where no socket could be made */
    char curl_error[CURL_ERROR_SIZE];

    struct lookup_gate *gate; /* the engine's, while the request is inside; else NULL */
};

/* Builds the request for a job, signature included.
 * 0; -ENOMEM; or -EINVAL where the job's headers cannot be sent, with the words for it in
 * `problem`. */
int request_new(const struct http_options *options, const struct dueq_job *job, int64_t now_us,
                struct request **ret_request, char *problem, size_t problem_size)
    __attribute__((warn_unused_result));

/* Not while libcurl's multi handle has it. Takes NULL. */
void request_free(struct request *request);

/* Gives the request what is left of the time until its deadline (1 ms where nothing is) and lets it
 * into the gate: call right before handing `easy` to libcurl's multi handle. */
void request_begin(struct request *request, struct lookup_gate *gate, int64_t now_us);

/* Out of the gate, if it is inside. */
void request_leave_gate(struct request *request);
