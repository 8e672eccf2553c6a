#pragma once

#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

/* A receiver that need not speak HTTP: it reads a request's head, sends these bytes, and then
 * behaves as told. One connection at a time. */
enum raw_ending {
    RAW_CLOSE,   /* orderly */
    RAW_RESET,   /* with a TCP reset */
    RAW_ENDLESS, /* the last byte again and again, until the client is gone */
    RAW_STALL,   /* nothing, until the client is gone */
};

struct raw_server {
    uint16_t port;
    int fd;
    pthread_t thread;
    const char *bytes; /* borrowed */
    size_t len;
    enum raw_ending ending;
    atomic_size_t request_count;
};

/* Ends the test where it cannot. */
void raw_server_start(struct raw_server *server, const char *bytes, size_t len,
                      enum raw_ending ending);
void raw_server_stop(struct raw_server *server);

/* A port of the loopback that nobody listens on. */
uint16_t raw_unused_port(void);
