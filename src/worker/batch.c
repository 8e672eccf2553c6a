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
        arena_done(&batch->arena);
        free(batch);
    }
    return left;
}
