#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "header.h"

/* A receiver: an HTTP/1.1 server on a port of the loopback, in threads of this process. It keeps
 * what it was asked. */

/* What a path is answered with; a path of NULL matches all. */
struct http_answer {
    const char *path;
    unsigned status;
    const char *headers[4]; /* "Name: value", then NULL */
    const char *body;       /* NULL: none */
};

struct http_seen {
    char *method;
    char *path;
    struct header_list headers;
    char *body; /* a NUL follows it */
    size_t body_len;
    size_t body_size;
};

struct http_server {
    /* Set before the start. */
    const struct http_answer *answers; /* the first that matches; without any, 200 and no body */
    size_t answer_count;
    unsigned hold_until;     /* no request is answered before this many have come; 0: at once */
    const char *certificate; /* PEM, for https; NULL: http */
    const char *key;

    uint16_t port;
    struct MHD_Daemon *daemon;
    pthread_mutex_t lock; /* of all below */
    struct http_seen *seen;
    size_t seen_count;
    size_t connection_count; /* opened so far */
    size_t open_connection_count;
    struct MHD_Connection **held;
    size_t held_count;
    bool released;
};

/* Ends the test where it cannot. */
void http_server_start(struct http_server *server);

/* Answers what is held, and everything from now on. */
void http_server_release(struct http_server *server);
void http_server_stop(struct http_server *server);

/* The n-th request, from 0; NULL where there were fewer. Stays where it is until the server is
 * stopped as long as no request comes in. */
const struct http_seen *http_server_seen(struct http_server *server, size_t n);
size_t http_server_seen_count(struct http_server *server);
size_t http_server_connection_count(struct http_server *server);

/* For wait_until. */
bool http_server_holds_one(void *server);
bool http_server_has_no_connection(void *server);
