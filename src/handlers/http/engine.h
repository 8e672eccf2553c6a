#pragma once

#include "dueq_handler.h"
#include "options.h"
#include "request.h"

/* The one thread of an instance, with libcurl's multi handle: all requests in flight, their
 * connections, and the end of each, which is told to dueqd through host->finish. */
struct engine;

/* Starts the thread. host and options are borrowed until engine_free. 0 or a negative errno. */
int engine_new(const struct dueq_host *host, const struct http_options *options,
               struct engine **ret_engine) __attribute__((warn_unused_result));

/* Stops the thread and closes the connections. A request that is still there, which dueqd promises
 * there is not, is ended as cancelled. Takes NULL. */
void engine_free(struct engine *engine);

/* Takes the request. Any thread. When this returns the request's job may be finished, and gone,
 * already. */
void engine_submit(struct engine *engine, struct request *request);
