#include "breaker.h"

static int64_t pause_us(const struct breaker *breaker)
{
    int64_t pause = breaker->first_us;
    for (unsigned i = 1; i < breaker->opened && pause < breaker->most_us; i++)
        pause *= 2;
    return pause < breaker->most_us ? pause : breaker->most_us;
}

bool breaker_ask(struct breaker *breaker, int64_t now_us, int64_t *ret_wait_us)
{
    if (!breaker->opened)
        return true;
    if (now_us < breaker->until_us) {
        *ret_wait_us = breaker->until_us - now_us;
        return false;
    }
    if (breaker->probing) {
        *ret_wait_us = breaker->first_us;
        return false;
    }
    breaker->probing = true;
    return true;
}

bool breaker_succeeded(struct breaker *breaker)
{
    bool was_open = breaker->opened > 0;
    breaker->failures = 0;
    breaker->opened = 0;
    breaker->probing = false;
    return was_open;
}

bool breaker_failed(struct breaker *breaker, int64_t now_us, int64_t *ret_pause_us)
{
    if (breaker->opened && !breaker->probing)
        return false; /* begun before it opened */
    bool was_open = breaker->opened > 0;
    if (!was_open && ++breaker->failures < breaker->limit)
        return false;
    breaker->opened++;
    breaker->probing = false;
    breaker->until_us = now_us + pause_us(breaker);
    *ret_pause_us = breaker->until_us - now_us;
    return !was_open;
}

void breaker_abandoned(struct breaker *breaker)
{
    breaker->probing = false;
}
