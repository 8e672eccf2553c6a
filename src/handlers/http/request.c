#include "request.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "job_headers.h"
#include "libcurl.h"
#include "monotonic.h"
#include "signature.h"

void request_leave_gate(struct request *request)
{
    if (request->gate)
        lookup_gate_leave(request->gate);
    request->gate = NULL;
}

/* Where waiting for a connection is possible, and might be counted. */
static bool limits_connecting_itself(const struct http_options *options)
{
    return (options->max_connections > 0 || options->max_host_connections > 0) &&
           libcurl_may_charge_waiting();
}

static long clamp_ms(int64_t ms)
{
    if (ms < 1)
        return 1;
    return ms > INT32_MAX ? INT32_MAX : (long) ms; /* libcurl refuses more; 24 days */
}

/* The first connection of the request begins, so the time for it does. libcurl's own limit, which
 * spreads over the addresses of a host, counts from begun_us; or from now, in some versions, which
 * is why the engine looks at connect_deadline_us as well. */
static void begin_connecting(struct request *request)
{
    const struct http_options *options = request->options;
    if (request->phase != REQUEST_QUEUED || !limits_connecting_itself(options))
        return;
    int64_t now_us = monotonic_us();
    request->connect_deadline_us = now_us + options->connect_timeout_us;
    curl_easy_setopt(request->easy, CURLOPT_CONNECTTIMEOUT_MS,
                     clamp_ms((request->connect_deadline_us - request->begun_us + 999) / 1000));
}

/* libcurl's callbacks, all in the engine's thread. */

static int on_lookup(void *resolver, void *unused, void *userdata)
{
    (void) resolver, (void) unused;
    struct request *request = userdata;
    begin_connecting(request);
    request->phase = REQUEST_LOOKUP;
    request->looked_up = true;
    return 0;
}

/* Also keeps the socket from the children that other handlers in this process start. */
static curl_socket_t on_open_socket(void *userdata, curlsocktype purpose,
                                    struct curl_sockaddr *address)
{
    (void) purpose;
    struct request *request = userdata;
    begin_connecting(request);
    request->phase = REQUEST_CONNECTING;
    if (request->gate && request->looked_up)
        lookup_gate_resolved(request->gate, monotonic_us());
    request_leave_gate(request);

    int fd = socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
    request->socket_error = fd < 0 ? errno : 0;
    return fd < 0 ? CURL_SOCKET_BAD : fd;
}

static int on_connected(void *userdata, char *remote_ip, char *local_ip, int remote_port,
                        int local_port)
{
    (void) remote_ip, (void) local_ip, (void) remote_port, (void) local_port;
    struct request *request = userdata;
    if (limits_connecting_itself(request->options)) /* for a redirect's connection */
        curl_easy_setopt(request->easy, CURLOPT_CONNECTTIMEOUT_MS,
                         clamp_ms(request->options->connect_timeout_us / 1000));
    request->connect_deadline_us = INT64_MAX;
    request->phase = REQUEST_SENDING;
    request_leave_gate(request); /* on a connection that was there already */
    return CURL_PREREQFUNC_OK;
}

static size_t on_head_line(char *line, size_t size, size_t count, void *userdata)
{
    struct request *request = userdata;
    request->phase = REQUEST_READING;
    return response_head_line(&request->response, line, size * count) ? size * count : 0;
}

static size_t on_body(char *bytes, size_t size, size_t count, void *userdata)
{
    struct request *request = userdata;
    /* A return of 0 for no bytes would read as "all taken". */
    return response_body(&request->response, bytes, size * count) ? size * count
                                                                  : CURL_WRITEFUNC_ERROR;
}

__attribute__((format(printf, 3, 4))) static int
add_format(struct header_list *list, const char *name, const char *format, ...)
{
    char value[128];
    va_list args;
    va_start(args, format);
    vsnprintf(value, sizeof value, format, args);
    va_end(args);
    return header_list_add(list, name, value);
}

static int add_signature(const struct http_options *options, const struct dueq_job *job,
                         struct header_list *list)
{
    char signature[SIGNATURE_SIZE];
    int64_t timestamp_s = time(NULL);

    if (options->secret.len == 0)
        return 0;
    int r = signature_make(options->secret.bytes, options->secret.len, timestamp_s, job->payload,
                           job->payload_len, signature);
    if (r == 0)
        r = add_format(list, "Dueq-Timestamp", "%" PRId64, timestamp_s);
    if (r == 0)
        r = header_list_add(list, "Dueq-Signature", signature);
    return r;
}

/* What says which job this is. */
static int add_job(const struct dueq_job *job, struct header_list *list)
{
    const int64_t created_us = job->created_at_us > 0 ? job->created_at_us : 0;
    int r = header_list_add_text(list, "Idempotency-Key", job->message_id);
    if (r == 0)
        r = header_list_add_text(list, "Dueq-Message-Id", job->message_id);
    if (r == 0)
        r = header_list_add_text(list, "Dueq-Kind", job->kind);
    if (r == 0)
        r = header_list_add_text(list, "Dueq-Queue", job->queue);
    if (r == 0)
        r = add_format(list, "Dueq-Attempt", "%" PRIu32, job->attempt);
    if (r == 0)
        r = add_format(list, "Dueq-Max-Attempts", "%" PRIu32, job->max_attempts);
    if (r == 0)
        r = add_format(list, "Dueq-Created-At", "%" PRId64 ".%06d", created_us / 1000000,
                       (int) (created_us % 1000000));
    return r;
}

static int add_all(const struct http_options *options, const struct dueq_job *job,
                   struct header_list *list, char *problem, size_t problem_size)
{
    int r = job_headers_add(job->headers, job->headers_len, &options->headers, list, problem,
                            problem_size);
    if (r == 0 && !header_list_find(list, "Content-Type"))
        r = header_list_add(list, "Content-Type", options->content_type);
    for (size_t i = 0; r == 0 && i < options->headers.count; i++)
        r = header_list_add(list, options->headers.items[i].name, options->headers.items[i].value);
    if (r == 0)
        r = add_job(job, list);
    if (r == 0)
        r = add_signature(options, job, list);
    return r;
}

static int append_line(struct curl_slist **lines, const char *line)
{
    struct curl_slist *longer = curl_slist_append(*lines, line);
    if (!longer)
        return -ENOMEM;
    *lines = longer;
    return 0;
}

/* As libcurl wants them: "Name;" is how it is told to send one without a value. */
static int make_lines(const struct header_list *list, struct curl_slist **lines)
{
    /* Against "Expect: 100-continue", which costs large payloads a round trip, or a second at a
     * server that does not know it. */
    int r = append_line(lines, "Expect:");

    for (size_t i = 0; r == 0 && i < list->count; i++) {
        const struct header *header = &list->items[i];
        char *line;
        int len = header->value[strspn(header->value, " ")]
                      ? asprintf(&line, "%s: %s", header->name, header->value)
                      : asprintf(&line, "%s;", header->name);
        if (len < 0)
            return -ENOMEM;
        r = append_line(lines, line);
        free(line);
    }
    return r;
}

/* The first failure of many curl_easy_setopt. Each can fail for want of memory, and an option that
 * quietly kept its default (certificates not verified, a proxy from the environment) would be worse
 * than no request. */
#define set(easy, failed, option, value)                                                           \
    do {                                                                                           \
        if (curl_easy_setopt(easy, option, value) != CURLE_OK)                                     \
            (failed) = true;                                                                       \
    } while (0)

static bool set_tls(CURL *easy, const struct http_options *options)
{
    bool failed = false;

    set(easy, failed, CURLOPT_SSL_VERIFYPEER, options->verify_tls ? 1L : 0L);
    set(easy, failed, CURLOPT_SSL_VERIFYHOST, options->verify_tls ? 2L : 0L);
    if (options->ca_file)
        set(easy, failed, CURLOPT_CAINFO, options->ca_file);
    /* Without the directory: the certificates of the file and no others are trusted, and libcurl
     * parses them once instead of for each connection, which is 10 ms and more of the one thread.
     */
    if (options->ca_file || libcurl_has_ca_file())
        set(easy, failed, CURLOPT_CAPATH, NULL);
    return !failed;
}

static bool set_target(CURL *easy, const struct http_options *options)
{
    bool failed = false;

    set(easy, failed, CURLOPT_URL, options->url);
    set(easy, failed, CURLOPT_PROTOCOLS_STR, "http,https");
    set(easy, failed, CURLOPT_USERAGENT, options->user_agent);
    set(easy, failed, CURLOPT_CONNECTTIMEOUT_MS, (long) (options->connect_timeout_us / 1000));
    set(easy, failed, CURLOPT_MAXAGE_CONN, (long) (options->idle_timeout_us / 1000000 + 1));
    if (options->url_parts
            .tls) /* a burst shares the connections of HTTP/2 instead of opening one each */
        set(easy, failed, CURLOPT_PIPEWAIT, 1L);

    /* Both set, or libcurl asks the environment. */
    set(easy, failed, CURLOPT_PROXY, options->proxy);
    set(easy, failed, CURLOPT_NOPROXY, "");
    set(easy, failed, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);

    set(easy, failed, CURLOPT_FOLLOWLOCATION, options->follow_redirects ? 1L : 0L);
    set(easy, failed, CURLOPT_MAXREDIRS, (long) options->max_redirects);
    set(easy, failed, CURLOPT_REDIR_PROTOCOLS_STR, options->url_parts.tls ? "https" : "http,https");
    /* A redirect that turned the request into a GET would lose the payload and report success. */
    set(easy, failed, CURLOPT_POSTREDIR, (long) CURL_REDIR_POST_ALL);

    set(easy, failed, CURLOPT_NOSIGNAL, 1L);
    /* Or the whole engine waits for a name server when a request is given up during its look-up. */
    set(easy, failed, CURLOPT_QUICK_EXIT, 1L);
    return !failed;
}

static bool set_body(CURL *easy, const struct http_options *options, const struct dueq_job *job)
{
    bool failed = false;

    /* Borrowed, not copied. Never NULL, which would make libcurl read standard input. */
    set(easy, failed, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t) job->payload_len);
    set(easy, failed, CURLOPT_POSTFIELDS, job->payload ? job->payload : "");
    set(easy, failed, CURLOPT_POST, 1L);
    if (strcmp(options->method, "POST") != 0)
        set(easy, failed, CURLOPT_CUSTOMREQUEST, options->method);
    return !failed;
}

static bool set_callbacks(CURL *easy, struct request *request)
{
    bool failed = false;

    set(easy, failed, CURLOPT_PRIVATE, request);
    set(easy, failed, CURLOPT_HTTPHEADER, request->headers);
    set(easy, failed, CURLOPT_ERRORBUFFER, request->curl_error);
    set(easy, failed, CURLOPT_RESOLVER_START_FUNCTION, on_lookup);
    set(easy, failed, CURLOPT_RESOLVER_START_DATA, request);
    set(easy, failed, CURLOPT_OPENSOCKETFUNCTION, on_open_socket);
    set(easy, failed, CURLOPT_OPENSOCKETDATA, request);
    set(easy, failed, CURLOPT_PREREQFUNCTION, on_connected);
    set(easy, failed, CURLOPT_PREREQDATA, request);
    set(easy, failed, CURLOPT_HEADERFUNCTION, on_head_line);
    set(easy, failed, CURLOPT_HEADERDATA, request);
    set(easy, failed, CURLOPT_WRITEFUNCTION, on_body);
    set(easy, failed, CURLOPT_WRITEDATA, request);
    return !failed;
}

int request_new(const struct http_options *options, const struct dueq_job *job, int64_t now_us,
                struct request **ret_request, char *problem, size_t problem_size)
{
    struct header_list list = { 0 };
    int r = -ENOMEM;

    struct request *request = calloc(1, sizeof *request);
    if (!request)
        return -ENOMEM;
    *request = (struct request){
        .job = job, .options = options, .deadline_us = INT64_MAX, .connect_deadline_us = INT64_MAX
    };
    if (job->timeout_us > 0 && job->timeout_us < INT64_MAX - now_us)
        request->deadline_us = now_us + job->timeout_us;
    response_init(&request->response, options->response_tail);

    r = add_all(options, job, &list, problem, problem_size);
    if (r == 0)
        r = make_lines(&list, &request->headers);
    if (r < 0)
        goto out;

    request->easy = curl_easy_init();
    if (!request->easy || !set_target(request->easy, options) || !set_tls(request->easy, options) ||
        !set_body(request->easy, options, job) || !set_callbacks(request->easy, request)) {
        r = -ENOMEM;
        goto out;
    }
    *ret_request = request;
    request = NULL;
out:
    request_free(request);
    header_list_done(&list);
    return r;
}

void request_free(struct request *request)
{
    if (!request)
        return;
    request_leave_gate(request);
    if (request->easy)
        curl_easy_cleanup(request->easy);
    curl_slist_free_all(request->headers);
    response_done(&request->response);
    free(request);
}

void request_begin(struct request *request, struct lookup_gate *gate, int64_t now_us)
{
    request->begun_us = now_us;
    if (request->deadline_us < INT64_MAX)
        curl_easy_setopt(request->easy, CURLOPT_TIMEOUT_MS,
                         clamp_ms((request->deadline_us - now_us + 999) / 1000));
    if (limits_connecting_itself(request->options)) /* until begin_connecting() */
        curl_easy_setopt(request->easy, CURLOPT_CONNECTTIMEOUT_MS, clamp_ms(INT32_MAX));

    /* Newer versions of libcurl keep failures too, for half of this time: a name server that fails
     * for a moment would cost all attempts of the next half minute. */
    curl_easy_setopt(request->easy, CURLOPT_DNS_CACHE_TIMEOUT,
                     (long) (lookup_gate_known(gate, now_us) ? LOOKUP_CACHE_S : LOOKUP_DOUBT_S));
    lookup_gate_enter(gate);
    request->gate = gate;
}
