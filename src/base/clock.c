#include "clock.h"

static int64_t read_us(clockid_t id)
{
    struct timespec now;
    clock_gettime(id, &now); /* cannot fail for these two clocks */
    return (int64_t) now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int64_t clock_now_us(void)
{
    return read_us(CLOCK_MONOTONIC);
}

int64_t clock_wall_us(void)
{
    return read_us(CLOCK_REALTIME);
}

struct timespec clock_timespec(int64_t us)
{
    return (struct timespec){ .tv_sec = (time_t) (us / 1000000), .tv_nsec = (us % 1000000) * 1000 };
}
