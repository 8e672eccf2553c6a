#pragma once

#include <stdint.h>

struct source;

/* The threads between a source's database and the pools, each with a connection of its own: claim,
 * dispatch, settle. A lane never runs a handler. */
struct lane;

int lanes_start(struct source *source, uint32_t count, struct lane **ret_lanes, uint32_t *ret_count)
    __attribute__((warn_unused_result));

/* They end by themselves when the source is drained. Frees them; takes NULL with 0. */
void lanes_join(struct lane *lanes, uint32_t count);

int64_t lanes_beat_us(const struct lane *lanes, uint32_t count);
