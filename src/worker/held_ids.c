#include "held_ids.h"

#include <stdbool.h>
#include <stdlib.h>

#include "batch.h"
#include "round.h"
#include "source.h"

static int by_value(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *) a, y = *(const uint64_t *) b;
    return x < y ? -1 : x > y;
}

/* Most batches are in order already: ids and due times grow together. */
static bool in_order(const uint64_t *ids, size_t count)
{
    for (size_t i = 1; i < count; i++)
        if (ids[i - 1] > ids[i])
            return false;
    return true;
}

/* False: there is no memory. */
static bool collect(struct round *round)
{
    uint64_t *ids = arena_alloc(&round->batch->arena, (round->held + 1) * sizeof *ids);
    size_t count = 0;

    if (!ids)
        return false;
    for (size_t i = 0; i < round->claim.count; i++)
        if (round->tasks[i] && round->claim.items[i].verdict == CLAIM_SETTLE)
            ids[count++] = round->claim.items[i].job.id;
    if (!in_order(ids, count))
        qsort(ids, count, sizeof *ids, by_value);
    round->held_ids.sorted = ids;
    round->held_ids.count = count;
    return true;
}

static bool holds(const struct held_ids *held, uint64_t id)
{
    if (held->count == 0 || id < held->sorted[0] || id > held->sorted[held->count - 1])
        return false;
    return bsearch(&id, held->sorted, held->count, sizeof id, by_value) != NULL;
}

static void leave_to_others(struct round *round, size_t i)
{
    if (round->claim.items[i].verdict == CLAIM_SETTLE)
        round->held--;
    round->claim.items[i].verdict = CLAIM_RELEASE;
    round->tasks[i] = NULL;
}

static size_t leave_held(struct source *source, struct round *round)
{
    size_t left = 0;

    for (struct list_node *n = source->holds.first; n; n = n->next) {
        const struct held_ids *other = list_entry(n, struct held_ids, node);
        for (size_t i = 0; i < round->claim.count; i++) {
            if (round->claim.items[i].verdict == CLAIM_RELEASE ||
                !holds(other, round->claim.items[i].job.id))
                continue;
            leave_to_others(round, i);
            left++;
        }
    }
    return left;
}

/* What there is no memory to make known is not held. */
static void hold_nothing(struct round *round)
{
    for (size_t i = 0; i < round->claim.count; i++)
        if (round->claim.items[i].verdict == CLAIM_SETTLE)
            leave_to_others(round, i);
}

size_t held_ids_enter(struct source *source, struct round *round)
{
    if (round->held > 0 && !collect(round))
        hold_nothing(round);
    mutex_lock(&source->lock);
    size_t left = leave_held(source, round);
    if (round->held > 0)
        list_append(&source->holds, &round->held_ids.node);
    mutex_unlock(&source->lock);
    return left;
}

void held_ids_leave(struct source *source, struct round *round)
{
    mutex_lock(&source->lock);
    list_remove(&source->holds, &round->held_ids.node);
    mutex_unlock(&source->lock);
}
