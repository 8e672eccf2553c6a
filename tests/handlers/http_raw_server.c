#include "http_raw_server.h"

#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

static int listen_on_loopback(uint16_t *ret_port)
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
    socklen_t len = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *) &address, sizeof address), 0);
    assert_int_equal(listen(fd, 64), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *) &address, &len), 0);
    *ret_port = ntohs(address.sin_port);
    return fd;
}

/* Up to and with the empty line; what comes with it of the body is dropped. */
static bool read_head(int fd)
{
    char bytes[64 * 1024];
    size_t len = 0;
    while (len < sizeof bytes) {
        ssize_t n = recv(fd, bytes + len, sizeof bytes - len, 0);
        if (n <= 0)
            return false;
        len += (size_t) n;
        if (memmem(bytes, len, "\r\n\r\n", 4))
            return true;
    }
    return false;
}

static void drain(int fd)
{
    char bytes[4096];
    while (recv(fd, bytes, sizeof bytes, 0) > 0)
        ;
}

static void send_all(int fd, const char *bytes, size_t len)
{
    while (len > 0) {
        ssize_t n = send(fd, bytes, len, MSG_NOSIGNAL);
        if (n <= 0)
            return;
        bytes += n;
        len -= (size_t) n;
    }
}

static void end(const struct raw_server *server, int fd)
{
    static const struct linger at_once = { .l_onoff = 1 };
    char block[4096];

    switch (server->ending) {
    case RAW_CLOSE:
        shutdown(fd, SHUT_WR);
        drain(fd); /* closing with unread bytes would be a reset */
        break;
    case RAW_RESET:
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
        break;
    case RAW_ENDLESS:
        memset(block, server->bytes[server->len - 1], sizeof block);
        while (send(fd, block, sizeof block, MSG_NOSIGNAL) > 0)
            ;
        break;
    case RAW_STALL:
        drain(fd);
        break;
    }
}

static void *run_server(void *userdata)
{
    struct raw_server *server = userdata;
    int fd;
    while ((fd = accept(server->fd, NULL, NULL)) >= 0) {
        if (read_head(fd)) {
            atomic_fetch_add(&server->request_count, 1);
            send_all(fd, server->bytes, server->len);
            end(server, fd);
        }
        close(fd);
    }
    return NULL;
}

void raw_server_start(struct raw_server *server, const char *bytes, size_t len,
                      enum raw_ending ending)
{
    *server = (struct raw_server){ .bytes = bytes, .len = len, .ending = ending };
    server->fd = listen_on_loopback(&server->port);
    assert_int_equal(pthread_create(&server->thread, NULL, run_server, server), 0);
}

void raw_server_stop(struct raw_server *server)
{
    shutdown(server->fd, SHUT_RDWR); /* wakes accept */
    pthread_join(server->thread, NULL);
    close(server->fd);
}

uint16_t raw_unused_port(void)
{
    uint16_t port;
    close(listen_on_loopback(&port));
    return port;
}
