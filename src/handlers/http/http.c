/* The http handler: each job is a request to a URL, and the response says what came of it.
 * docs/http.md is its manual. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dueq_handler.h"
#include "engine.h"
#include "libcurl.h"
#include "monotonic.h"
#include "options.h"
#include "request.h"

struct http {
    struct http_options options;
    struct engine *engine;
};

static void http_close(void *instance)
{
    struct http *http = instance;
    engine_free(http->engine);
    http_options_done(&http->options);
    free(http);
}

static int32_t http_open(const struct dueq_host *host, const struct dueq_options *options,
                         void **ret_instance)
{
    const char *problem = NULL;
    struct http *http = calloc(1, sizeof *http);

    if (!http) {
        host->option_error(options, NULL, "no memory");
        return -1;
    }
    if (libcurl_start(&problem) < 0) {
        host->option_error(options, NULL, "libcurl could not be started: %s", problem);
        goto fail;
    }
    if (http_options_read(host, options, &http->options) < 0)
        goto fail;

    int r = engine_new(host, &http->options, &http->engine);
    if (r < 0) {
        host->option_error(options, NULL, "its thread could not be started: %s", strerror(-r));
        goto fail;
    }
    if (http->options.url_parts.tls && !http->options.verify_tls)
        host->log(host, DUEQ_LOG_WARNING,
                  "verify_tls = false: anybody on the way may answer in place of the receiver: "
                  "host=%s",
                  http->options.url_parts.host);
    *ret_instance = http;
    return 0;
fail:
    http_close(http);
    return -1;
}

static int32_t http_run(void *instance, void *local, const struct dueq_job *job,
                        struct dueq_result *result)
{
    (void) local;
    struct http *http = instance;
    struct request *request;
    char problem[512] = "";

    int r = request_new(&http->options, job, monotonic_us(), &request, problem, sizeof problem);
    if (r < 0) {
        snprintf(result->message, result->message_size, "%s", problem[0] ? problem : strerror(-r));
        return r == -EINVAL ? DUEQ_DEAD : DUEQ_RETRY;
    }
    engine_submit(http->engine, request);
    return DUEQ_PENDING;
}

DUEQ_EXPORT const struct dueq_handler dueq_handler = {
    .abi_major = DUEQ_ABI_MAJOR,
    .abi_minor = DUEQ_ABI_MINOR,
    .size = sizeof dueq_handler,
    .name = "http",
    .open = http_open,
    .close = http_close,
    .run = http_run,
};
