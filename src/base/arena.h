#pragma once

#include <stddef.h>

/* Memory that is given back all at once. One thread at a time. Zero-initialise it. */
struct arena {
    struct arena_block *blocks; /* newest first */
};

void arena_done(struct arena *arena);

/* Overwrites all that was handed out; for an arena with secrets in it, before arena_done. */
void arena_wipe(struct arena *arena);

/* Aligned for any type and zeroed; NULL when there is no memory. */
void *arena_alloc(struct arena *arena, size_t size);

/* A copy of the bytes with a NUL behind them. */
char *arena_copy(struct arena *arena, const char *bytes, size_t len);
