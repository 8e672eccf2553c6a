#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Holds requests back while the address of the host is not known. libcurl starts a thread for each
 * look-up of a name and joins none that is under way, so a burst of a thousand requests would be a
 * thousand threads and a thousand questions to the name server. Behind the gate a few ask, and the
 * rest follow once the answer is in libcurl's cache.
 *
 * A request enters the gate when it is handed to libcurl and leaves it when it has got past its
 * look-up. Times are CLOCK_MONOTONIC. One thread. Zero-initialise it. */
struct lookup_gate {
    size_t inside;
    int64_t known_until_us;
};

enum {
    LOOKUPS_AT_ONCE = 16,
    LOOKUP_CACHE_S = 60, /* how long libcurl keeps an address; its default */
    LOOKUP_DOUBT_S = 1,  /* the same for a request that enters while no address is known */
};

/* True while an address is known, and in libcurl's cache. */
bool lookup_gate_known(const struct lookup_gate *gate, int64_t now_us);

/* True when one more may be handed over. */
bool lookup_gate_open(const struct lookup_gate *gate, int64_t now_us);

void lookup_gate_enter(struct lookup_gate *gate);
void lookup_gate_leave(struct lookup_gate *gate);

/* A look-up, not the cache, gave an address. */
void lookup_gate_resolved(struct lookup_gate *gate, int64_t now_us);
