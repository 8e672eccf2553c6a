#pragma once

#include <stdint.h>

#include "buffer.h"

/* Frames over a stream socket between dueqd and a process of its own that runs handlers: both are
 * of one build, so that numbers go as they lie in memory. One thread sends and one receives at a
 * time; they may be different ones. */
struct channel {
    int fd; /* -1: none; the owner's to close, by channel_done */
    struct buffer in;
    size_t taken; /* of `in` */
};

enum frame_type {
    /* On the channel of the process. */
    FRAME_OPEN,    /* to it: what to run, and how */
    FRAME_PROBLEM, /* from it: why open() refused; several, then */
    FRAME_OPENED,  /* from it: how that went */
    FRAME_END,     /* to it: no more jobs */
    FRAME_FAULT,   /* from it, as the last one: which slot's thread brought which signal about */
    /* On the channel of a slot. */
    FRAME_JOB,    /* to it */
    FRAME_CANCEL, /* to it, while it runs */
    FRAME_EXTEND, /* from it, while it runs */
    FRAME_RESULT, /* from it */
};

/* Reads what a frame has in it, from its front. */
struct frame {
    enum frame_type type;
    const char *at;
    const char *end;
    int bad; /* something was not there */
};

void channel_init(struct channel *channel, int fd);
void channel_done(struct channel *channel);

/* What is sent and received waits as long as that at most. */
int channel_set_timeout(struct channel *channel, int64_t send_us, int64_t receive_us)
    __attribute__((warn_unused_result));

/* Begins a frame in an empty buffer; put_… appends to it. */
void frame_begin(struct buffer *buffer, enum frame_type type);
void put_u32(struct buffer *buffer, uint32_t value);
void put_i64(struct buffer *buffer, int64_t value);
/* A NULL text stays one. */
void put_text(struct buffer *buffer, const char *text, size_t len);
void put_string(struct buffer *buffer, const char *text);

/* 0, -EAGAIN where the other side does not read, or another negative errno; the channel is of no
 * use after any of these. */
int channel_send(struct channel *channel, struct buffer *frame) __attribute__((warn_unused_result));

/* 1: a frame, valid until the next call. 0: none came in time. -EPIPE: the other side is gone.
 * Another negative errno: the channel is of no use. */
int channel_receive(struct channel *channel, struct frame *ret_frame)
    __attribute__((warn_unused_result));

/* Something has come that was not received yet; or the other side is gone. Never waits. */
int channel_has_input(struct channel *channel);

uint32_t take_u32(struct frame *frame);
int64_t take_i64(struct frame *frame);
/* NUL-terminated, within the frame; NULL where that was sent, or where it is bad. ret_len may be
 * NULL. */
const char *take_text(struct frame *frame, size_t *ret_len);
