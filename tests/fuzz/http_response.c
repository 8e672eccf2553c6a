#include <string.h>

#include "fuzz.h"
#include "response.h"

/* A response as libcurl hands it over: the lines of its head, then the body in pieces. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *at = (const char *) data, *end = at + size;
    struct response response;

    response_init(&response, 64);
    while (at < end && !response.head_done) {
        const char *newline = memchr(at, '\n', (size_t) (end - at));
        const char *next = newline ? newline + 1 : end;
        if (!response_head_line(&response, at, (size_t) (next - at)))
            break;
        at = next;
    }
    while (at < end) {
        size_t len = (size_t) (end - at) < 100 ? (size_t) (end - at) : 100;
        if (!response_body(&response, at, len))
            break;
        at += len;
    }
    response_done(&response);
    return 0;
}
