#pragma once

#include <stdbool.h>
#include <stdint.h>

/* A receiver, by scheme, host and port: what is known of how it fares, shared by all lines in
 * `kinds` that go there. One that does not answer is probed instead of being called by every job,
 * and one that has begun to answer again gets few requests at first, twice as many with each round
 * of answers. Any thread. */
struct destination;

/* What destination_ask says. */
enum destination_answer {
    DESTINATION_BEGIN, /* and destination_ended has to follow */
    DESTINATION_FULL,  /* it has as many requests as it can be trusted with; ask again when one has
                          ended, or soon */
    DESTINATION_RESTS, /* it does not answer; ask again after *ret_wait_us */
};

enum destination_end {
    DESTINATION_REACHED,   /* it has answered as a server does that works */
    DESTINATION_FAILED,    /* it has not */
    DESTINATION_ABANDONED, /* nobody knows */
};

/* What an end has brought about; for the log. */
enum destination_news { DESTINATION_NO_NEWS, DESTINATION_WENT_DOWN, DESTINATION_IS_BACK };

/* The one for this host; the first who gets it says after how many failures in a row it is down (0:
 * never), and how long it rests at most. To be put back. NULL: no memory. */
struct destination *destination_get(bool tls, const char *host, unsigned failures,
                                    int64_t rest_max_us);
void destination_put(struct destination *destination); /* takes NULL */

enum destination_answer destination_ask(struct destination *destination, int64_t now_us,
                                        int64_t *ret_wait_us);
enum destination_news destination_ended(struct destination *destination, enum destination_end end,
                                        int64_t now_us);
