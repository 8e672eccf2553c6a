#pragma once

#include <stddef.h>

#include "arena.h"

/* What one claim brought: the arena of its jobs and tasks, freed with the last of them. */
struct batch {
    struct arena arena;        /* filled by the lane before any task is passed on, then only read */
    _Atomic size_t references; /* its tasks, and the lane while it fills it */
    _Atomic size_t *budget;    /* which the bytes are counted in; NULL: not yet */
    size_t bytes;
};

/* With one reference, the caller's; NULL: no memory. */
struct batch *batch_new(void);
/* Counts its payloads in *budget until it is gone. Once. */
void batch_count_bytes(struct batch *batch, size_t bytes, _Atomic size_t *budget);
void batch_reference(struct batch *batch);
/* Returns how many references are left; with the last one the batch is gone. Takes NULL. */
size_t batch_release(struct batch *batch);
