#include "lookup_gate.h"

#include <assert.h>

bool lookup_gate_known(const struct lookup_gate *gate, int64_t now_us)
{
    return now_us < gate->known_until_us;
}

bool lookup_gate_open(const struct lookup_gate *gate, int64_t now_us)
{
    return lookup_gate_known(gate, now_us) || gate->inside < LOOKUPS_AT_ONCE;
}

void lookup_gate_enter(struct lookup_gate *gate)
{
    gate->inside++;
}

void lookup_gate_leave(struct lookup_gate *gate)
{
    assert(gate->inside > 0);
    gate->inside--;
}

void lookup_gate_resolved(struct lookup_gate *gate, int64_t now_us)
{
    /* Ten seconds short of the cache, which counts whole seconds and from the look-up's beginning.
     */
    gate->known_until_us = now_us + (LOOKUP_CACHE_S - 10) * INT64_C(1000000);
}
