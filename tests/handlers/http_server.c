#include "http_server.h"

#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <microhttpd.h>

enum { CONNECTIONS_MAX = 4096 };

/* A request while it comes in; MHD calls on_request again for each part of it. */
struct incoming {
    struct http_seen seen;
    bool counted; /* it is whole, and among the server's */
};

static enum MHD_Result add_header(void *userdata, enum MHD_ValueKind kind, const char *name,
                                  const char *value)
{
    (void) kind;
    struct incoming *incoming = userdata;
    return header_list_add(&incoming->seen.headers, name, value ? value : "") == 0 ? MHD_YES
                                                                                   : MHD_NO;
}

static bool append_body(struct http_seen *seen, const char *bytes, size_t len)
{
    if (seen->body_len + len + 1 > seen->body_size) {
        size_t size = 2 * (seen->body_len + len + 1);
        char *body = realloc(seen->body, size);
        if (!body)
            return false;
        seen->body = body;
        seen->body_size = size;
    }
    memcpy(seen->body + seen->body_len, bytes, len);
    seen->body_len += len;
    seen->body[seen->body_len] = '\0';
    return true;
}

static enum MHD_Result answer(const struct http_server *server, struct MHD_Connection *connection,
                              const char *path)
{
    struct http_answer chosen = { .status = 200 };
    for (size_t i = 0; i < server->answer_count; i++)
        if (!server->answers[i].path || strcmp(server->answers[i].path, path) == 0) {
            chosen = server->answers[i];
            break;
        }

    const char *body = chosen.body ? chosen.body : "";
    struct MHD_Response *response = MHD_create_response_from_buffer(strlen(body), (void *) body,
                                                                    MHD_RESPMEM_MUST_COPY);
    for (size_t i = 0; i < 4 && chosen.headers[i]; i++) {
        struct header_list list = { 0 };
        const char *problem;
        if (header_list_add_line(&list, chosen.headers[i], &problem) == 0)
            MHD_add_response_header(response, list.items[0].name, list.items[0].value);
        header_list_done(&list);
    }
    enum MHD_Result r = MHD_queue_response(connection, chosen.status, response);
    MHD_destroy_response(response);
    return r;
}

/* Lock held. */
static void resume_held(struct http_server *server)
{
    server->released = true;
    for (size_t i = 0; i < server->held_count; i++)
        MHD_resume_connection(server->held[i]);
    server->held_count = 0;
}

/* The request is whole. True when it may be answered now; else on_request is called again once it
 * is resumed. */
static bool count(struct http_server *server, struct MHD_Connection *connection,
                  struct incoming *incoming)
{
    pthread_mutex_lock(&server->lock);
    incoming->counted = true;
    server->seen = reallocarray(server->seen, server->seen_count + 1, sizeof *server->seen);
    server->seen[server->seen_count++] = incoming->seen;
    incoming->seen = (struct http_seen){ 0 }; /* moved */

    bool answered_now = server->released || server->hold_until == 0;
    if (!answered_now) {
        MHD_suspend_connection(connection);
        server->held = reallocarray(server->held, server->held_count + 1, sizeof *server->held);
        server->held[server->held_count++] = connection;
        if (server->held_count >= server->hold_until)
            resume_held(server);
    }
    pthread_mutex_unlock(&server->lock);
    return answered_now;
}

static enum MHD_Result on_request(void *userdata, struct MHD_Connection *connection,
                                  const char *path, const char *method, const char *version,
                                  const char *bytes, size_t *len, void **ret_incoming)
{
    (void) version;
    struct http_server *server = userdata;
    struct incoming *incoming = *ret_incoming;

    if (!incoming) {
        incoming = calloc(1, sizeof *incoming);
        if (!incoming)
            return MHD_NO;
        incoming->seen.method = strdup(method);
        incoming->seen.path = strdup(path);
        append_body(&incoming->seen, "", 0);
        MHD_get_connection_values(connection, MHD_HEADER_KIND, add_header, incoming);
        *ret_incoming = incoming;
        return MHD_YES;
    }
    if (*len > 0) {
        if (!append_body(&incoming->seen, bytes, *len))
            return MHD_NO;
        *len = 0;
        return MHD_YES;
    }
    if (!incoming->counted && !count(server, connection, incoming))
        return MHD_YES;
    return answer(server, connection, path);
}

static void seen_done(struct http_seen *seen)
{
    free(seen->method);
    free(seen->path);
    free(seen->body);
    header_list_done(&seen->headers);
}

static void on_request_end(void *userdata, struct MHD_Connection *connection, void **incoming_ref,
                           enum MHD_RequestTerminationCode code)
{
    (void) userdata, (void) connection, (void) code;
    struct incoming *incoming = *incoming_ref;
    if (!incoming)
        return;
    seen_done(&incoming->seen);
    free(incoming);
    *incoming_ref = NULL;
}

static void on_connection(void *userdata, struct MHD_Connection *connection, void **context,
                          enum MHD_ConnectionNotificationCode code)
{
    (void) connection, (void) context;
    struct http_server *server = userdata;
    pthread_mutex_lock(&server->lock);
    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        server->connection_count++;
        server->open_connection_count++;
    } else {
        server->open_connection_count--;
    }
    pthread_mutex_unlock(&server->lock);
}

void http_server_start(struct http_server *server)
{
    pthread_mutex_init(&server->lock, NULL);

    struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
    struct MHD_OptionItem tls[] = {
        { MHD_OPTION_HTTPS_MEM_CERT, 0, (void *) server->certificate },
        { MHD_OPTION_HTTPS_MEM_KEY, 0, (void *) server->key },
        { MHD_OPTION_END, 0, NULL },
    };
    if (!server->certificate)
        tls[0] = tls[2];
    /* Not MHD_USE_EPOLL: with some hundred connections busy at once, version 0.9.75 now and then
     * waits for news of a request that it has not read. */
    unsigned flags = MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_POLL | MHD_ALLOW_SUSPEND_RESUME |
                     (server->certificate ? (unsigned) MHD_USE_TLS : 0);
    server->daemon = MHD_start_daemon(
        flags, 0, NULL, NULL, on_request, server, MHD_OPTION_SOCK_ADDR,
        (struct sockaddr *) &address, MHD_OPTION_NOTIFY_COMPLETED, on_request_end, server,
        MHD_OPTION_NOTIFY_CONNECTION, on_connection, server, MHD_OPTION_CONNECTION_LIMIT,
        (unsigned) CONNECTIONS_MAX, MHD_OPTION_LISTEN_BACKLOG_SIZE, (unsigned) CONNECTIONS_MAX,
        MHD_OPTION_ARRAY, tls, MHD_OPTION_END);
    if (!server->daemon)
        fail_msg("the server could not be started");
    server->port = MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_BIND_PORT)->port;
}

void http_server_release(struct http_server *server)
{
    pthread_mutex_lock(&server->lock);
    resume_held(server);
    pthread_mutex_unlock(&server->lock);
}

void http_server_stop(struct http_server *server)
{
    http_server_release(server);
    MHD_stop_daemon(server->daemon);
    for (size_t i = 0; i < server->seen_count; i++)
        seen_done(&server->seen[i]);
    free(server->seen);
    free(server->held);
    pthread_mutex_destroy(&server->lock);
}

const struct http_seen *http_server_seen(struct http_server *server, size_t n)
{
    pthread_mutex_lock(&server->lock);
    const struct http_seen *seen = n < server->seen_count ? &server->seen[n] : NULL;
    pthread_mutex_unlock(&server->lock);
    return seen;
}

static size_t read_count(struct http_server *server, const size_t *counter)
{
    pthread_mutex_lock(&server->lock);
    size_t value = *counter;
    pthread_mutex_unlock(&server->lock);
    return value;
}

size_t http_server_seen_count(struct http_server *server)
{
    return read_count(server, &server->seen_count);
}

size_t http_server_connection_count(struct http_server *server)
{
    return read_count(server, &server->connection_count);
}

bool http_server_holds_one(void *userdata)
{
    struct http_server *server = userdata;
    return read_count(server, &server->held_count) == 1;
}

bool http_server_has_no_connection(void *userdata)
{
    struct http_server *server = userdata;
    return read_count(server, &server->open_connection_count) == 0;
}
