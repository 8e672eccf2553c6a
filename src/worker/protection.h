#pragma once

#include <stddef.h>
#include <stdint.h>

#include "connection.h"
#include "server_load.h"

struct config_protect;
struct source;

/* Spares a server that falls behind: above the bounds of the source's `protect` its claims are
 * slowed down until it is below them again. The keeper's; zero-initialise it. */
struct protection {
    struct server_load load; /* as last read */
    int64_t read_us;         /* when; 0: never */
    uint64_t claimed;        /* by then: nobody is asked while nothing is claimed */
};

/* To be called now and then; looks by itself how long ago it last did. */
enum db_status protection_run(struct protection *protection, struct source *source, struct db *db,
                              struct error *error) __attribute__((warn_unused_result));

/* Which bound is passed, in words, or NULL. before: NULL if there was no look; seconds: since then.
 * Pure. */
const char *protection_passed(const struct config_protect *bounds, const struct server_load *before,
                              const struct server_load *now, double seconds, char *text,
                              size_t size);
