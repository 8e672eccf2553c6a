#include "channel.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fail.h"

struct pair {
    struct channel here, there;
};

static int setup(void **state)
{
    static struct pair pair;
    int fds[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    channel_init(&pair.here, fds[0]);
    channel_init(&pair.there, fds[1]);
    assert_int_equal(channel_set_timeout(&pair.here, 50000, 10000), 0);
    *state = &pair;
    return 0;
}

static int teardown(void **state)
{
    struct pair *pair = *state;
    channel_done(&pair->here);
    channel_done(&pair->there);
    return 0;
}

static void a_frame_comes_as_it_was_sent(void **state)
{
    struct pair *pair = *state;
    struct buffer out = { 0 };
    struct frame frame;
    size_t len;

    for (int round = 0; round < 2; round++) {
        frame_begin(&out, FRAME_JOB);
        put_u32(&out, 7);
        put_i64(&out, INT64_MIN);
        put_text(&out, "a\0b", 3);
        put_text(&out, NULL, 0);
        put_text(&out, "", 0);
        assert_int_equal(channel_send(&pair->there, &out), 0);
    }
    for (int round = 0; round < 2; round++) {
        assert_int_equal(channel_receive(&pair->here, &frame), 1);
        assert_int_equal(frame.type, FRAME_JOB);
        assert_int_equal(take_u32(&frame), 7);
        assert_true(take_i64(&frame) == INT64_MIN);
        assert_memory_equal(take_text(&frame, &len), "a\0b", 4);
        assert_int_equal(len, 3);
        assert_null(take_text(&frame, NULL));
        assert_string_equal(take_text(&frame, &len), "");
        assert_int_equal(frame.bad, 0);
        assert_int_equal(take_u32(&frame), 0); /* there is no more */
        assert_int_equal(frame.bad, 1);
    }
    assert_int_equal(channel_receive(&pair->here, &frame), 0);
    buffer_done(&out);
}

static void a_frame_may_come_byte_by_byte(void **state)
{
    struct pair *pair = *state;
    struct buffer out = { 0 };
    struct frame frame;

    frame_begin(&out, FRAME_RESULT);
    put_text(&out, "text", 4);
    ((uint32_t *) (void *) out.bytes)[0] = (uint32_t) (out.len - 8);
    for (size_t i = 0; i < out.len; i++) {
        assert_int_equal(channel_has_input(&pair->here), i > 0);
        assert_int_equal(channel_receive(&pair->here, &frame), 0);
        assert_int_equal(send(pair->there.fd, out.bytes + i, 1, 0), 1);
    }
    assert_int_equal(channel_receive(&pair->here, &frame), 1);
    assert_string_equal(take_text(&frame, NULL), "text");
    assert_int_equal(channel_has_input(&pair->here), 0);
    buffer_done(&out);
}

static void *send_large(void *arg)
{
    struct buffer out = { 0 };
    static char text[16 * 1024 * 1024];
    memset(text, 'x', sizeof text);
    frame_begin(&out, FRAME_JOB);
    put_text(&out, text, sizeof text);
    int error = channel_send(arg, &out);
    buffer_done(&out);
    return (void *) (intptr_t) error;
}

static void a_frame_may_be_large(void **state)
{
    struct pair *pair = *state;
    struct frame frame;
    pthread_t thread;
    void *error;
    size_t len;
    int got;

    assert_int_equal(pthread_create(&thread, NULL, send_large, &pair->there), 0);
    while ((got = channel_receive(&pair->here, &frame)) == 0)
        ;
    assert_int_equal(got, 1);
    const char *text = take_text(&frame, &len);
    assert_int_equal(len, 16 * 1024 * 1024);
    assert_int_equal(text[len - 1], 'x');
    pthread_join(thread, &error);
    assert_null(error);
}

static void whoever_is_gone_or_does_not_read_is_noticed(void **state)
{
    struct pair *pair = *state;
    struct frame frame;

    assert_int_equal((int) (intptr_t) send_large(&pair->here), -EAGAIN);
    channel_done(&pair->there);
    assert_int_equal(channel_has_input(&pair->here), 1);
    assert_int_equal(channel_receive(&pair->here, &frame), -EPIPE);
    assert_int_equal((int) (intptr_t) send_large(&pair->here), -EPIPE);
}

static void what_claims_to_be_too_large_is_refused(void **state)
{
    struct pair *pair = *state;
    const uint32_t head[] = { UINT32_MAX, FRAME_JOB };
    struct frame frame;

    assert_int_equal(send(pair->there.fd, head, sizeof head, 0), sizeof head);
    assert_int_equal(channel_receive(&pair->here, &frame), -EPROTO);
}

static void a_text_that_is_not_all_there_is_bad(void **state)
{
    const char bytes[] = { 100, 0, 0, 0, 0, 0, 0, 0, 'a', 0 };
    struct frame frame = { .at = bytes, .end = bytes + sizeof bytes };
    (void) state;
    assert_null(take_text(&frame, NULL));
    assert_int_equal(frame.bad, 1);
    const char unended[] = { 1, 0, 0, 0, 0, 0, 0, 0, 'a', 'b' };
    frame = (struct frame){ .at = unended, .end = unended + sizeof unended };
    assert_null(take_text(&frame, NULL));
    assert_int_equal(frame.bad, 1);
}

int main(void)
{
#define test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        test(a_frame_comes_as_it_was_sent),
        test(a_frame_may_come_byte_by_byte),
        test(a_frame_may_be_large),
        test(whoever_is_gone_or_does_not_read_is_noticed),
        test(what_claims_to_be_too_large_is_refused),
        test(a_text_that_is_not_all_there_is_bad),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
