#include "spread.h"

#include <stdio.h>
#include <stdlib.h>

void spread_done(struct spread *spread)
{
    free(spread->values_us);
    *spread = (struct spread){ 0 };
}

void spread_add(struct spread *spread, int64_t value_us)
{
    if (spread->count == spread->size) {
        spread->size = spread->size ? spread->size * 2 : 256;
        spread->values_us = realloc(spread->values_us, spread->size * sizeof *spread->values_us);
        if (!spread->values_us)
            abort();
    }
    spread->values_us[spread->count++] = value_us;
}

static int ascending(const void *a, const void *b)
{
    int64_t x = *(const int64_t *) a, y = *(const int64_t *) b;
    return x < y ? -1 : x > y;
}

int64_t spread_percentile_us(struct spread *spread, size_t percent)
{
    if (spread->count == 0)
        return 0;
    qsort(spread->values_us, spread->count, sizeof *spread->values_us, ascending);
    size_t rank = (spread->count * percent + 99) / 100;
    return spread->values_us[rank ? rank - 1 : 0];
}

void spread_print(struct spread *spread, const char *name)
{
    printf("%s_count %zu\n%s_p50 %.3f\n%s_p99 %.3f\n%s_max %.3f\n", name, spread->count, name,
           (double) spread_percentile_us(spread, 50) / 1e3, name,
           (double) spread_percentile_us(spread, 99) / 1e3, name,
           (double) spread_percentile_us(spread, 100) / 1e3);
}
