#include "batch.h"

#include <stdatomic.h>
#include <stdlib.h>

struct batch *batch_new(void)
{
    struct batch *batch = calloc(1, sizeof *batch);
    if (batch)
        batch->references = 1;
    return batch;
}

void batch_count_bytes(struct batch *batch, size_t bytes, _Atomic size_t *budget)
{
    batch->bytes = bytes;
    batch->budget = budget;
    atomic_fetch_add(budget, bytes);
}

void batch_reference(struct batch *batch)
{
    atomic_fetch_add(&batch->references, 1);
}

size_t batch_release(struct batch *batch)
{
    if (!batch)
        return 0;
    size_t left = atomic_fetch_sub(&batch->references, 1) - 1;
    if (left == 0) {
        if (batch->budget)
            atomic_fetch_sub(batch->budget, batch->bytes);
        arena_done(&batch->arena);
        free(batch);
    }
    return left;
}
