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

void batch_release(struct batch *batch)
{
    if (!batch || atomic_fetch_sub(&batch->references, 1) > 1)
        return;
    arena_done(&batch->arena);
    free(batch);
}
