#include "proxy.h"

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "directory.h"
#include "fail.h"

enum { CONNECTIONS = 64, CHUNK = 1 << 16, HEADER = 5 /* of a packet, and the command */ };

struct proxy {
    char path[108];
    struct sockaddr_un server;
    int listener;
    pthread_t acceptor;
    pthread_t threads[CONNECTIONS];
    unsigned thread_count;
    _Atomic bool stopping;
    _Atomic unsigned cuts;
    _Atomic unsigned slow_ms;

    pthread_mutex_t lock;
    const char *earlier, *statement; /* lock; NULL statement: not armed */
    enum proxy_cut cut;
    unsigned left; /* lock, as the next two: statements until the strike; 0: none is to come */
    void (*strike)(void *arg);
    void *arg;
};

struct link {
    struct proxy *proxy;
    int client, server;
    bool in_transaction;
    bool earlier_seen; /* in this transaction */
};

static bool send_all(int fd, const char *bytes, size_t len)
{
    while (len > 0) {
        ssize_t sent = send(fd, bytes, len, MSG_NOSIGNAL);
        if (sent <= 0)
            return false;
        bytes += sent;
        len -= (size_t) sent;
    }
    return true;
}

static bool begins(const char *bytes, size_t len, const char *text)
{
    /* Oracle's client says before a statement that there are no attributes to it, in one set. */
    static const char no_attributes[] = { 0, 1 };
    size_t text_len = strlen(text), skip = HEADER;

    if (len >= HEADER + sizeof no_attributes &&
        memcmp(bytes + HEADER, no_attributes, sizeof no_attributes) == 0)
        skip += sizeof no_attributes;
    return len >= skip + text_len && memcmp(bytes + skip, text, text_len) == 0;
}

/* Lock held. */
static bool is_the_nth(struct link *link, const char *bytes, size_t len)
{
    struct proxy *proxy = link->proxy;

    if (begins(bytes, len, "START TRANSACTION"))
        link->in_transaction = true;
    if (!link->in_transaction || proxy->left == 0)
        return false;
    if (begins(bytes, len, "COMMIT") || begins(bytes, len, "ROLLBACK"))
        link->in_transaction = false;
    return --proxy->left == 0;
}

/* A statement comes in a write of its own, since the client waits for each answer. */
static bool is_the_one(struct link *link, const char *bytes, size_t len, enum proxy_cut *ret_cut)
{
    struct proxy *proxy = link->proxy;

    pthread_mutex_lock(&proxy->lock);
    bool hit = is_the_nth(link, bytes, len);
    if (hit)
        *ret_cut = proxy->cut;
    if (begins(bytes, len, "START TRANSACTION"))
        link->earlier_seen = false;
    if (proxy->statement && proxy->earlier && begins(bytes, len, proxy->earlier))
        link->earlier_seen = true;
    if (proxy->statement && (!proxy->earlier || link->earlier_seen) &&
        begins(bytes, len, proxy->statement)) {
        *ret_cut = proxy->cut;
        proxy->statement = NULL;
        hit = true;
    }
    pthread_mutex_unlock(&proxy->lock);
    return hit;
}

static bool from_client(struct link *link, char *chunk)
{
    enum proxy_cut cut;
    ssize_t len = recv(link->client, chunk, CHUNK, 0);
    if (len <= 0)
        return false;
    usleep(link->proxy->slow_ms * 1000);
    if (!is_the_one(link, chunk, (size_t) len, &cut))
        return send_all(link->server, chunk, (size_t) len);
    if (cut == PROXY_CUT_AFTER && send_all(link->server, chunk, (size_t) len))
        (void) !recv(link->server, chunk, CHUNK, 0); /* its answer, which goes nowhere */
    if (link->proxy->strike)
        link->proxy->strike(link->proxy->arg);
    link->proxy->cuts++;
    return false;
}

static void *run_link(void *arg)
{
    struct link *link = arg;
    char *chunk = malloc(CHUNK);
    bool open = chunk != NULL;

    while (open && !link->proxy->stopping) {
        struct pollfd fds[] = { { .fd = link->client, .events = POLLIN },
                                { .fd = link->server, .events = POLLIN } };
        if (poll(fds, 2, 100) <= 0)
            continue;
        if (fds[0].revents)
            open = from_client(link, chunk);
        if (open && fds[1].revents) {
            ssize_t len = recv(link->server, chunk, CHUNK, 0);
            open = len > 0 && send_all(link->client, chunk, (size_t) len);
        }
    }
    close(link->client);
    close(link->server);
    free(chunk);
    free(link);
    return NULL;
}

static void *run_acceptor(void *arg)
{
    struct proxy *proxy = arg;

    while (!proxy->stopping && proxy->thread_count < CONNECTIONS) {
        struct pollfd fd = { .fd = proxy->listener, .events = POLLIN };
        if (poll(&fd, 1, 100) <= 0)
            continue;
        struct link *link = calloc(1, sizeof *link);
        if (!link)
            abort();
        link->proxy = proxy;
        link->client = accept(proxy->listener, NULL, NULL);
        link->server = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (connect(link->server, (struct sockaddr *) &proxy->server, sizeof proxy->server) < 0 ||
            pthread_create(&proxy->threads[proxy->thread_count], NULL, run_link, link) != 0) {
            close(link->client);
            close(link->server);
            free(link);
            continue;
        }
        proxy->thread_count++;
    }
    return NULL;
}

struct proxy *proxy_new(const struct test_server *server)
{
    struct proxy *proxy = calloc(1, sizeof *proxy);
    struct sockaddr_un own = { .sun_family = AF_UNIX };
    if (!proxy)
        abort();
    pthread_mutex_init(&proxy->lock, NULL);
    snprintf(proxy->path, sizeof proxy->path, "%s/proxy.sock", test_directory_new());
    memcpy(own.sun_path, proxy->path, sizeof own.sun_path);
    proxy->server.sun_family = AF_UNIX;
    memcpy(proxy->server.sun_path, server->socket, sizeof proxy->server.sun_path);
    proxy->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bind(proxy->listener, (struct sockaddr *) &own, sizeof own) < 0 ||
        listen(proxy->listener, 16) < 0 ||
        pthread_create(&proxy->acceptor, NULL, run_acceptor, proxy) != 0)
        test_fail("%s: the proxy cannot listen", proxy->path);
    return proxy;
}

void proxy_free(struct proxy *proxy)
{
    if (!proxy)
        return;
    proxy->stopping = true;
    pthread_join(proxy->acceptor, NULL);
    for (unsigned i = 0; i < proxy->thread_count; i++)
        pthread_join(proxy->threads[i], NULL);
    close(proxy->listener);
    pthread_mutex_destroy(&proxy->lock);
    free(proxy);
}

const char *proxy_socket(const struct proxy *proxy)
{
    return proxy->path;
}

void proxy_arm(struct proxy *proxy, const char *earlier, const char *statement, enum proxy_cut cut)
{
    pthread_mutex_lock(&proxy->lock);
    proxy->earlier = earlier;
    proxy->statement = statement;
    proxy->cut = cut;
    pthread_mutex_unlock(&proxy->lock);
}

void proxy_arm_at(struct proxy *proxy, unsigned n, enum proxy_cut cut, void (*strike)(void *arg),
                  void *arg)
{
    pthread_mutex_lock(&proxy->lock);
    proxy->left = n;
    proxy->cut = cut;
    proxy->strike = strike;
    proxy->arg = arg;
    pthread_mutex_unlock(&proxy->lock);
}

void proxy_slow_down(struct proxy *proxy, unsigned ms)
{
    proxy->slow_ms = ms;
}

unsigned proxy_cuts(struct proxy *proxy)
{
    return proxy->cuts;
}
