#include "wait.h"

#include <stdint.h>
#include <time.h>

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t) now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

bool wait_until(bool (*condition)(void *userdata), void *userdata, int limit_s)
{
    const struct timespec pause = { .tv_nsec = 5 * 1000 * 1000 };
    const int64_t end_ms = now_ms() + (int64_t) limit_s * 1000;

    for (;;) {
        /* Looked at before the question, so that the last answer counts however long it took. */
        bool over = now_ms() >= end_ms;
        if (condition(userdata))
            return true;
        if (over)
            return false;
        nanosleep(&pause, NULL);
    }
}
