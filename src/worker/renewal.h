#pragma once

#include <stddef.h>
#include <stdint.h>

#include "config.h"
#include "connection.h"
#include "fence.h"
#include "log.h"

struct source;

/* The leases of the jobs that take long: renewed well before they end, and looked at in between, so
 * that a job that was cancelled or taken over is asked to stop within about a second. The keeper's;
 * zero-initialise it. */
struct renewal {
    struct fence *fences;
    size_t size;
    int64_t look_at_us; /* when to look again */
    struct log_limit failed_log;
};

void renewal_done(struct renewal *renewal);

/* How often renewal_run must be called, so that the shortest lease of the configuration is renewed
 * in time even where one call fails. */
int64_t renewal_interval_us(const struct config *config);

enum db_status renewal_run(struct renewal *renewal, struct source *source, struct db *db,
                           struct error *error) __attribute__((warn_unused_result));

/* Without a connection: asks the jobs to stop whose leases have run out by our clock, since others
 * may run them now. */
void renewal_expire(struct source *source);
