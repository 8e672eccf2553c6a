#pragma once

#include <stdbool.h>
#include <stdint.h>

/* Spares something that keeps failing: after `limit` failures in a row nothing is let through for a
 * while, then one attempt as a probe, and all again once one has succeeded. The while doubles with
 * each probe that fails. Pure: no clock and no lock, the caller has both. */
struct breaker {
    unsigned limit;            /* failures in a row that open it; set these three */
    int64_t first_us, most_us; /* the pauses before a probe */

    unsigned failures;
    unsigned opened; /* how often since something succeeded; 0: it is closed */
    int64_t until_us;
    bool probing;
};

/* Whether an attempt may be made now; its end must be told. False: *ret_wait_us is when to ask
 * again. */
bool breaker_ask(struct breaker *breaker, int64_t now_us, int64_t *ret_wait_us);

/* True: it was open, and this has closed it. */
bool breaker_succeeded(struct breaker *breaker);

/* True: this has opened it, for *ret_pause_us; not where it was open before. */
bool breaker_failed(struct breaker *breaker, int64_t now_us, int64_t *ret_pause_us);

/* An attempt ended without telling anything. */
void breaker_abandoned(struct breaker *breaker);
