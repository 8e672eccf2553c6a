#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dueq_handler.h"
#include "header.h"
#include "secret.h"
#include "url.h"

/* What the configuration says about an instance, checked. Only read once it is there, by any
 * thread. Strings that are not marked as owned are dueqd's and live as long as the instance. */
struct http_options {
    const char *url;
    struct url_parts url_parts;
    const char *method;
    const char *content_type;
    struct header_list headers; /* owned */
    struct secret secret;       /* owned; none: requests are not signed */
    int64_t connect_timeout_us;
    int64_t idle_timeout_us;
    int64_t max_connections; /* 0: no limit, as below */
    int64_t max_host_connections;
    int64_t breaker; /* failures in a row after which the host is probed; 0: never */
    int64_t breaker_rest_us;
    bool follow_redirects;
    int64_t max_redirects;
    bool verify_tls;
    const char *ca_file; /* NULL: the system's */
    const char *proxy;   /* "": none, whatever the environment says */
    const char *user_agent;
    size_t response_tail; /* bytes of a response's body that a message quotes */
};

/* Reads and checks all of them, and goes on after one that is wrong so that each is reported. 0 or
 * -1, as open() returns; http_options_done in either case. */
int32_t http_options_read(const struct dueq_host *host, const struct dueq_options *options,
                          struct http_options *ret_options);
void http_options_done(struct http_options *options);
