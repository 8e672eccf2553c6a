#include "options.h"

#include <errno.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#define SECOND_US INT64_C(1000000)

enum {
    CONNECTIONS_MAX = 65535, /* no more have one address and port to go to */
    REDIRECTS_MAX = 20,      /* where browsers give up */
    RESPONSE_TAIL_MAX = 4096,
    BREAKER_MAX = 1000000,
};

/* Where open() reports to, and whether it did. */
struct checking {
    const struct dueq_host *host;
    const struct dueq_options *options;
    int32_t result;
};

#define refuse(checking, name, ...)                                                                \
    do {                                                                                           \
        (checking)->host->option_error((checking)->options, name, __VA_ARGS__);                    \
        (checking)->result = -1;                                                                   \
    } while (0)

static const char *read_string(struct checking *checking, const char *name, const char *fallback)
{
    return checking->host->option_string(checking->options, name, fallback);
}

static int64_t read_integer(struct checking *checking, const char *name, int64_t minimum,
                            int64_t maximum, int64_t fallback)
{
    int64_t value = fallback;
    if (checking->host->option_integer(checking->options, name, minimum, maximum, fallback,
                                       &value) != 0)
        checking->result = -1;
    return value;
}

static int64_t read_duration(struct checking *checking, const char *name, int64_t fallback_us)
{
    int64_t value_us = fallback_us;
    /* Milliseconds are what libcurl counts in. */
    if (checking->host->option_duration(checking->options, name, 1000, 3600 * SECOND_US,
                                        fallback_us, &value_us) != 0)
        checking->result = -1;
    return value_us;
}

static bool read_boolean(struct checking *checking, const char *name, bool fallback)
{
    int32_t value = fallback;
    if (checking->host->option_boolean(checking->options, name, fallback, &value) != 0)
        checking->result = -1;
    return value != 0;
}

static const char *read_header_value(struct checking *checking, const char *name,
                                     const char *fallback)
{
    const char *value = read_string(checking, name, fallback);
    if (!value[0] || !header_value_valid(value, strlen(value)))
        refuse(checking, name, "expected text without control characters, to be sent as a header");
    return value;
}

static void read_url(struct checking *checking, struct http_options *options)
{
    const char *problem = "no memory";
    options->url = read_string(checking, "url", NULL);
    if (!options->url)
        refuse(checking, "url",
               "where the requests go must be given, such as "
               "url = \"https://shop.example/hooks\"");
    else if (url_read(options->url, &options->url_parts, &problem) < 0)
        refuse(checking, "url", "%s", problem); /* without its text: it may hold a password */
}

static void read_method(struct checking *checking, struct http_options *options)
{
    options->method = read_string(checking, "method", "POST");
    if (strcmp(options->method, "POST") != 0 && strcmp(options->method, "PUT") != 0 &&
        strcmp(options->method, "PATCH") != 0)
        refuse(checking, "method", "expected \"POST\", \"PUT\" or \"PATCH\"");
}

static void read_headers(struct checking *checking, struct http_options *options)
{
    size_t count = 0;
    const char *const *lines = checking->host->option_list(checking->options, "headers", &count);

    for (size_t i = 0; lines && i < count; i++) {
        const char *problem = NULL;
        int r = header_list_add_line(&options->headers, lines[i], &problem);
        if (r < 0) {
            refuse(checking, "headers", "entry %zu: %s", i + 1, problem ? problem : "no memory");
            continue;
        }
        const char *name = options->headers.items[options->headers.count - 1].name;
        if (header_owner(name) == HEADER_HANDLER)
            refuse(checking, "headers", "entry %zu: %s is set by the handler itself", i + 1, name);
        else if (strcasecmp(name, "Content-Type") == 0)
            refuse(checking, "headers", "entry %zu: %s has an option of its own, content_type",
                   i + 1, name);
    }
}

static void read_secret(struct checking *checking, struct http_options *options)
{
    const char *text = read_string(checking, "secret", NULL);
    const char *file = read_string(checking, "secret_file", NULL);
    int r = 0;

    if (text && file) {
        refuse(checking, "secret", "give either secret or secret_file");
    } else if (text) {
        if (!text[0] || strlen(text) > SECRET_MAX)
            refuse(checking, "secret", "expected 1 to %d bytes", SECRET_MAX);
        else if ((r = secret_copy(text, &options->secret)) < 0)
            refuse(checking, "secret", "%s", strerror(-r));
    } else if (file && (r = secret_read(file, &options->secret)) < 0) {
        refuse(checking, "secret_file", "reading %s: %s", file,
               r == -EINVAL  ? "the file is empty"
               : r == -E2BIG ? "the file is larger than a secret can be"
                             : strerror(-r));
    }
}

static void read_tls(struct checking *checking, struct http_options *options)
{
    options->verify_tls = read_boolean(checking, "verify_tls", true);
    options->ca_file = read_string(checking, "ca_file", NULL);
    if (options->ca_file && access(options->ca_file, R_OK) != 0)
        refuse(checking, "ca_file", "reading %s: %s", options->ca_file, strerror(errno));
}

static void read_proxy(struct checking *checking, struct http_options *options)
{
    options->proxy = read_string(checking, "proxy", "");
    if (options->proxy[0] && !url_is_proxy(options->proxy))
        refuse(checking, "proxy",
               "expected host:port or a URL that begins with http://, https://, "
               "socks4://, socks4a://, socks5:// or socks5h://");
}

int32_t http_options_read(const struct dueq_host *host, const struct dueq_options *options,
                          struct http_options *ret_options)
{
    struct checking checking = { host, options, 0 };
    struct http_options *o = ret_options;

    *o = (struct http_options){ 0 };
    read_url(&checking, o);
    read_method(&checking, o);
    o->content_type = read_header_value(&checking, "content_type", "application/json");
    read_headers(&checking, o);
    read_secret(&checking, o);
    o->connect_timeout_us = read_duration(&checking, "connect_timeout", 5 * SECOND_US);
    o->idle_timeout_us = read_duration(&checking, "idle_timeout", 60 * SECOND_US);
    o->max_connections = read_integer(&checking, "max_connections", 0, CONNECTIONS_MAX, 0);
    o->max_host_connections = read_integer(&checking, "max_host_connections", 0, CONNECTIONS_MAX,
                                           0);
    o->breaker = read_integer(&checking, "breaker", 0, BREAKER_MAX, 10);
    o->breaker_rest_us = read_duration(&checking, "breaker_rest", 60 * SECOND_US);
    o->follow_redirects = read_boolean(&checking, "follow_redirects", false);
    o->max_redirects = read_integer(&checking, "max_redirects", 1, REDIRECTS_MAX, 3);
    read_tls(&checking, o);
    read_proxy(&checking, o);
    o->user_agent = read_header_value(&checking, "user_agent", "dueq/" DUEQ_VERSION);
    o->response_tail = (size_t) read_integer(&checking, "response_tail", 0, RESPONSE_TAIL_MAX, 512);
    return checking.result;
}

void http_options_done(struct http_options *options)
{
    header_list_done(&options->headers);
    secret_done(&options->secret);
}
