#include "channel.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

enum {
    FRAME_MAX = 64 * 1024 * 1024, /* a payload has 16 MiB at most, its headers no more */
    READ_AHEAD = 4096,
    KEPT = 1024 * 1024, /* of memory, after a large frame */
};

struct frame_head {
    uint32_t len; /* of all that follows */
    uint32_t type;
};

void channel_init(struct channel *channel, int fd)
{
    *channel = (struct channel){ .fd = fd };
}

void channel_done(struct channel *channel)
{
    if (channel->fd >= 0)
        close(channel->fd);
    buffer_done(&channel->in);
    *channel = (struct channel){ .fd = -1 };
}

static int set_timeout(int fd, int option, int64_t us)
{
    struct timeval value = { .tv_sec = us / 1000000, .tv_usec = us % 1000000 };
    return setsockopt(fd, SOL_SOCKET, option, &value, sizeof value) < 0 ? -errno : 0;
}

int channel_set_timeout(struct channel *channel, int64_t send_us, int64_t receive_us)
{
    int error = set_timeout(channel->fd, SO_SNDTIMEO, send_us);
    return error ? error : set_timeout(channel->fd, SO_RCVTIMEO, receive_us);
}

void frame_begin(struct buffer *buffer, enum frame_type type)
{
    const struct frame_head head = { .type = type };
    buffer_clear(buffer);
    buffer_append(buffer, &head, sizeof head);
}

void put_u32(struct buffer *buffer, uint32_t value)
{
    buffer_append(buffer, &value, sizeof value);
}

void put_i64(struct buffer *buffer, int64_t value)
{
    buffer_append(buffer, &value, sizeof value);
}

void put_text(struct buffer *buffer, const char *text, size_t len)
{
    put_i64(buffer, text ? (int64_t) len : -1);
    if (text) {
        buffer_append(buffer, text, len);
        buffer_append_char(buffer, '\0');
    }
}

void put_string(struct buffer *buffer, const char *text)
{
    put_text(buffer, text, text ? strlen(text) : 0);
}

int channel_send(struct channel *channel, struct buffer *frame)
{
    if (frame->failed)
        return -ENOMEM;
    size_t len = frame->len - sizeof(struct frame_head);
    if (len > FRAME_MAX)
        return -EMSGSIZE;
    ((struct frame_head *) (void *) frame->bytes)->len = (uint32_t) len;
    for (size_t sent = 0; sent < frame->len;) {
        ssize_t n = send(channel->fd, frame->bytes + sent, frame->len - sent, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        sent += (size_t) n;
    }
    return 0;
}

/* True: a whole frame has come. Otherwise *ret_missing bytes at least are to be read. */
static bool complete(const struct channel *channel, struct frame_head *ret_head,
                     size_t *ret_missing)
{
    size_t have = channel->in.len - channel->taken;
    *ret_missing = sizeof *ret_head - (have < sizeof *ret_head ? have : sizeof *ret_head);
    if (*ret_missing > 0)
        return false;
    memcpy(ret_head, channel->in.bytes + channel->taken, sizeof *ret_head);
    size_t whole = sizeof *ret_head + ret_head->len;
    *ret_missing = whole > have ? whole - have : 0;
    return *ret_missing == 0;
}

/* To the front, for more to be read behind it. */
static void close_ranks(struct channel *channel)
{
    struct buffer *in = &channel->in;
    if (channel->taken == 0)
        return;
    in->len -= channel->taken;
    if (in->len == 0 && in->size > KEPT)
        buffer_done(in);
    else
        memmove(in->bytes, in->bytes + channel->taken, in->len);
    channel->taken = 0;
}

static int read_more(struct channel *channel, size_t missing)
{
    size_t room = missing > READ_AHEAD ? missing : READ_AHEAD;
    char *at = buffer_reserve(&channel->in, room);
    if (!at)
        return -ENOMEM;
    ssize_t n;
    do
        n = recv(channel->fd, at, room, 0);
    while (n < 0 && errno == EINTR);
    if (n > 0) {
        channel->in.len += (size_t) n;
        return 1;
    }
    if (n == 0 || errno == ECONNRESET)
        return -EPIPE;
    return errno == EAGAIN ? 0 : -errno;
}

int channel_receive(struct channel *channel, struct frame *ret_frame)
{
    struct frame_head head = { 0 };
    size_t missing;

    while (!complete(channel, &head, &missing)) {
        if (head.len > FRAME_MAX)
            return -EPROTO;
        close_ranks(channel);
        int got = read_more(channel, missing);
        if (got <= 0)
            return got;
    }
    const char *body = channel->in.bytes + channel->taken + sizeof head;
    *ret_frame =
        (struct frame){ .type = (enum frame_type) head.type, .at = body, .end = body + head.len };
    channel->taken += sizeof head + head.len;
    return 1;
}

int channel_has_input(struct channel *channel)
{
    char byte;
    if (channel->in.len > channel->taken)
        return 1;
    return recv(channel->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) >= 0 || errno != EAGAIN;
}

static void take(struct frame *frame, void *ret, size_t len)
{
    if ((size_t) (frame->end - frame->at) < len) {
        frame->bad = 1;
        memset(ret, 0, len);
        return;
    }
    memcpy(ret, frame->at, len);
    frame->at += len;
}

uint32_t take_u32(struct frame *frame)
{
    uint32_t value;
    take(frame, &value, sizeof value);
    return value;
}

int64_t take_i64(struct frame *frame)
{
    int64_t value;
    take(frame, &value, sizeof value);
    return value;
}

const char *take_text(struct frame *frame, size_t *ret_len)
{
    int64_t len = take_i64(frame);
    if (ret_len)
        *ret_len = 0;
    if (len < 0 || frame->bad)
        return NULL;
    if (len >= frame->end - frame->at || frame->at[len] != '\0') {
        frame->bad = 1;
        return NULL;
    }
    const char *text = frame->at;
    frame->at += len + 1;
    if (ret_len)
        *ret_len = (size_t) len;
    return text;
}
