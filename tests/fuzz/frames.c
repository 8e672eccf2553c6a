#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "channel.h"
#include "fuzz.h"

/* What comes over the socket of a process that runs handlers, which may be broken. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    enum { MOST = 65536 }; /* that a socket takes without a reader */
    struct channel channel;
    struct frame frame;
    int fds[2];

    if (size > MOST || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
        return 0;
    channel_init(&channel, fds[0]);
    ssize_t sent = send(fds[1], data, size, MSG_DONTWAIT);
    (void) sent;
    close(fds[1]);
    while (channel_receive(&channel, &frame) == 1)
        while (!frame.bad && frame.at < frame.end) {
            (void) take_u32(&frame);
            const char *text = take_text(&frame, NULL);
            (void) (text && strlen(text));
            (void) take_i64(&frame);
        }
    channel_done(&channel);
    return 0;
}
