#include "source.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "batch.h"
#include "clock.h"
#include "source_ring.h"
#include "task.h"

/* What the lanes of a source are given to do, without threads and without a database. */

#define HOUR INT64_C(3600000000)

static struct config_queue queues[] = { { .name = "default", .weight = 1, .poll_us = HOUR } };
static struct config_source one = { .name = "main" };
static struct config all = { .queues = queues, .queue_count = 1 };

static int setup(void **state)
{
    struct source *source = NULL;
    int error = source_new(&all, &one, NULL, NULL, "tests:1", NULL, &source);
    if (!error)
        source->ready = true;
    *state = source;
    return error;
}

static int teardown(void **state)
{
    source_free(*state);
    return 0;
}

/* Without waiting: what there is to do now. */
static enum work next_work(struct source *source, struct list *ret_tasks)
{
    struct assignment todo = { .entry_count = 0 };
    _Atomic int64_t beat_us;
    enum work work = source_next_work(source, &todo, clock_now_us(), &beat_us);
    *ret_tasks = todo.tasks;
    if (work == WORK_CLAIM)
        source_end_claim(source);
    return work;
}

/* Finished jobs, which lie in the outbox. */
static void publish(struct source *source, size_t count)
{
    struct batch *batch = batch_new();
    struct list list = { 0 };
    struct list_node *node;

    assert_non_null(batch);
    for (size_t i = 0; i < count; i++) {
        struct task *task = arena_alloc(&batch->arena, sizeof *task);
        assert_non_null(task);
        task->batch = batch;
        task->source = source;
        task->queue = queues;
        batch_reference(batch);
        list_append(&list, &task->node);
    }
    assert_true(source_add(source, &list));
    while ((node = list_take_first(&list)))
        source_publish(source, list_entry(node, struct task, node));
    batch_release(batch);
}

static void nothing_is_claimed_while_many_outcomes_cannot_be_settled(void **state)
{
    struct source *source = *state;
    struct list tasks = { 0 };
    struct list_node *node;
    size_t deferred = 0;

    publish(source, 5 * SETTLE_MAX);
    while (next_work(source, &tasks) == WORK_SETTLE)
        while ((node = list_take_first(&tasks))) {
            source_defer(source, list_entry(node, struct task, node), HOUR);
            deferred++;
        }
    assert_int_equal(deferred, 5 * SETTLE_MAX);
    source_kick(source);
    assert_int_equal(next_work(source, &tasks), WORK_NONE);

    /* The database takes them again. */
    for (struct list_node *n = source->deferred.first; n; n = n->next)
        list_entry(n, struct task, node)->settle_at_us = 0;
    while (next_work(source, &tasks) == WORK_SETTLE)
        source_forget(source, &tasks);
    source_kick(source);
    assert_int_equal(next_work(source, &tasks), WORK_PROBE);
    assert_int_equal(source_in_flight(source), 0);
}

static void a_ring_gives_work_and_one_for_a_queue_of_others_gives_none(void **state)
{
    struct source *source = *state;
    struct list tasks = { 0 };

    assert_int_equal(next_work(source, &tasks), WORK_PROBE); /* the first look; then in an hour */
    assert_int_equal(next_work(source, &tasks), WORK_NONE);
    source_ring(source, "elsewhere", 0, 1);
    source_ring(source, "default", HOUR / 2, 1);
    assert_int_equal(next_work(source, &tasks), WORK_NONE);
    source_ring(source, "default", -HOUR, 1);
    while (next_work(source, &tasks) == WORK_NONE) /* no two looks within a moment */
        ;
    assert_int_equal(next_work(source, &tasks), WORK_NONE);
    source_ring(source, NULL, 0, 1);
    while (next_work(source, &tasks) == WORK_NONE)
        ;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(nothing_is_claimed_while_many_outcomes_cannot_be_settled,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(a_ring_gives_work_and_one_for_a_queue_of_others_gives_none,
                                        setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
