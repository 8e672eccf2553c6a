#include "response.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

void response_init(struct response *response, size_t tail_size)
{
    *response = (struct response){ .tail_size = tail_size };
}

void response_done(struct response *response)
{
    free(response->tail);
    *response = (struct response){ 0 };
}

/* The status of "HTTP/1.1 200 OK" or "HTTP/2 200", or 0 where the line is no such thing. A name of
 * a header cannot begin like this: '/' is not allowed in it. */
static int read_status(const char *line, size_t len)
{
    if (len < 5 || memcmp(line, "HTTP/", 5) != 0)
        return 0;
    const char *space = memchr(line, ' ', len);
    if (!space || line + len - space < 4)
        return 0;
    int status = 0;
    for (const char *c = space + 1; c < space + 4; c++) {
        if (*c < '0' || *c > '9')
            return 0;
        status = 10 * status + (*c - '0');
    }
    return status;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* The line's value into `field`, if it is the header of that name. */
static void keep(const char *line, size_t len, const char *name, char *field, size_t size)
{
    size_t name_len = strlen(name);
    if (len <= name_len || line[name_len] != ':' || strncasecmp(line, name, name_len) != 0)
        return;
    const char *value = line + name_len + 1;
    const char *end = line + len;
    while (value < end && is_blank(*value))
        value++;
    while (end > value && is_blank(end[-1]))
        end--;

    size_t value_len = (size_t) (end - value);
    if (value_len >= size || memchr(value, '\0', value_len))
        value_len = 0;
    memcpy(field, value, value_len);
    field[value_len] = '\0';
}

bool response_head_line(struct response *response, const char *line, size_t len)
{
    response->head_len += len;
    if (response->head_len > RESPONSE_HEAD_MAX) {
        response->head_too_long = true;
        response->head_done = false;
        return false;
    }

    int status = read_status(line, len);
    if (status > 0) {
        /* A new response: what was there was an interim one, or a redirect's. */
        response->status = status;
        response->head_done = false;
        response->body_len = 0;
        response->tail_len = 0;
        response->retry_after[0] = response->date[0] = response->location[0] = '\0';
        return true;
    }
    if (len == 0 || line[0] == '\r' || line[0] == '\n')
        response->head_done = true;
    if (response->head_done)
        return true; /* trailers may not change what the head said */
    keep(line, len, "Retry-After", response->retry_after, sizeof response->retry_after);
    keep(line, len, "Date", response->date, sizeof response->date);
    keep(line, len, "Location", response->location, sizeof response->location);
    return true;
}

static void keep_tail(struct response *response, const char *bytes, size_t len)
{
    if (!response->tail)
        response->tail = malloc(response->tail_size);
    if (!response->tail)
        return; /* a message without a tail is still a message */

    if (len >= response->tail_size) {
        memcpy(response->tail, bytes + len - response->tail_size, response->tail_size);
        response->tail_len = response->tail_size;
        return;
    }
    if (response->tail_len + len > response->tail_size) {
        size_t drop = response->tail_len + len - response->tail_size;
        memmove(response->tail, response->tail + drop, response->tail_len - drop);
        response->tail_len -= drop;
    }
    memcpy(response->tail + response->tail_len, bytes, len);
    response->tail_len += len;
}

bool response_body(struct response *response, const char *bytes, size_t len)
{
    bool success = response->status >= 200 && response->status <= 299;
    response->body_len += len;
    if (!success && response->tail_size > 0 && len > 0)
        keep_tail(response, bytes, len);
    if (response->body_len > RESPONSE_BODY_MAX)
        response->body_enough = true;
    return !response->body_enough;
}
