#include "lateness.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "spread.h"

struct moment {
    uint64_t id;
    int64_t created_us, due_us, begin_us, returned_us;
};

struct moments {
    struct moment *rows;
    size_t count, size;
};

static struct moment *moments_add(struct moments *moments)
{
    if (moments->count == moments->size) {
        moments->size = moments->size ? moments->size * 2 : 256;
        moments->rows = realloc(moments->rows, moments->size * sizeof *moments->rows);
        if (!moments->rows)
            abort();
    }
    struct moment *moment = &moments->rows[moments->count++];
    *moment = (struct moment){ 0 };
    return moment;
}

static FILE *open_file(const char *path)
{
    FILE *file = fopen(path, "r");
    if (!file) {
        fprintf(stderr, "bench: %s cannot be read\n", path);
        exit(1);
    }
    return file;
}

static int by_id_and_begin(const void *a, const void *b)
{
    const struct moment *x = a, *y = b;
    if (x->id != y->id)
        return x->id < y->id ? -1 : 1;
    return x->begin_us < y->begin_us ? -1 : x->begin_us > y->begin_us;
}

static int by_id(const void *a, const void *b)
{
    const struct moment *x = a, *y = b;
    return x->id < y->id ? -1 : x->id > y->id;
}

/* Sorted by id, one for each. */
static void read_stamps(struct moments *moments, const char *path)
{
    FILE *file = open_file(path);
    struct moment row = { 0 };
    size_t kept = 0;

    while (fscanf(file, "%" SCNu64 " %" SCNd64 " %" SCNd64 " %" SCNd64, &row.id, &row.created_us,
                  &row.due_us, &row.begin_us) == 4)
        *moments_add(moments) = row;
    fclose(file);
    if (moments->count)
        qsort(moments->rows, moments->count, sizeof *moments->rows, by_id_and_begin);
    for (size_t i = 0; i < moments->count; i++)
        if (kept == 0 || moments->rows[kept - 1].id != moments->rows[i].id)
            moments->rows[kept++] = moments->rows[i];
    moments->count = kept;
}

static void read_arrivals(struct moments *moments, const char *path)
{
    FILE *file = open_file(path);
    struct moment key = { 0 };

    while (fscanf(file, "%" SCNu64 " %" SCNd64, &key.id, &key.returned_us) == 2) {
        struct moment *moment = moments->count ? bsearch(&key, moments->rows, moments->count,
                                                         sizeof *moments->rows, by_id)
                                               : NULL;
        if (moment)
            moment->returned_us = key.returned_us;
    }
    fclose(file);
}

int lateness_command(struct arguments *arguments)
{
    const char *stamps = arguments_text(arguments, "--stamps", "");
    const char *arrivals = arguments_text(arguments, "--arrivals", NULL);
    struct moments moments = { 0 };
    struct spread late = { 0 }, pickup = { 0 }, insert = { 0 }, after = { 0 };
    arguments_done(arguments);

    read_stamps(&moments, stamps);
    if (arrivals)
        read_arrivals(&moments, arrivals);
    for (size_t i = 0; i < moments.count; i++) {
        const struct moment *moment = &moments.rows[i];
        spread_add(&late, moment->begin_us - moment->due_us);
        spread_add(&pickup, moment->begin_us - moment->created_us);
        if (moment->returned_us) {
            spread_add(&insert, moment->returned_us - moment->created_us);
            spread_add(&after, moment->begin_us - moment->returned_us);
        }
    }
    spread_print(&late, "late");
    spread_print(&pickup, "pickup");
    spread_print(&insert, "insert");
    spread_print(&after, "after");
    spread_done(&late);
    spread_done(&pickup);
    spread_done(&insert);
    spread_done(&after);
    free(moments.rows);
    return 0;
}
