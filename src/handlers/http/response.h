#pragma once

#include <stdbool.h>
#include <stddef.h>

/* What is kept of a response while it comes in: the few header fields that matter, and of the body
 * of one that is not a success the last bytes, for the operator. Pure; any bytes are fine. */
struct response {
    int status; /* of the head that began last; 0: none has */
    size_t head_len;
    size_t body_len;
    bool head_done; /* its last line is there */
    bool head_too_long;
    bool body_enough;     /* the rest of the body was not read, on purpose */
    char retry_after[64]; /* these three: "" where absent or longer than any that could be read */
    char date[64];
    char location[1024];
    char *tail; /* owned */
    size_t tail_len;
    size_t tail_size;
};

enum {
    /* Of all heads of one request: interim ones, a redirect's and trailers included. libcurl's own
       limit is per line. */
    RESPONSE_HEAD_MAX = 256 * 1024,
    /* Of a body. Beyond it reading stops and the connection is given up: its tail would not be the
       end of anything. */
    RESPONSE_BODY_MAX = 64 * 1024,
};

/* tail_size: how many bytes of the body to keep; 0: none. */
void response_init(struct response *response, size_t tail_size);
void response_done(struct response *response);

/* Takes one line of a head, with or without its line end. False: stop reading, head_too_long is
 * set. */
bool response_head_line(struct response *response, const char *line, size_t len);

/* Takes a piece of the body. False: stop reading, body_enough is set. */
bool response_body(struct response *response, const char *bytes, size_t len);
