#include "hold.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "batch.h"
#include "clock.h"
#include "task.h"
#include "thread.h"

/* Who has a task while its lane and the one who finishes it meet. */

enum { TASKS = 500, ROUNDS = 40, THREADS = 4 };

static struct hold_gate gate;

static int setup(void **state)
{
    (void) state;
    hold_gate_init(&gate);
    return 0;
}

static int teardown(void **state)
{
    (void) state;
    hold_gate_done(&gate);
    return 0;
}

static struct task *held_task(struct batch *batch)
{
    struct task *task = arena_alloc(&batch->arena, sizeof *task);
    assert_non_null(task);
    task->batch = batch;
    hold_open(&gate, task);
    return task;
}

static void a_task_that_is_finished_in_time_is_the_lanes(void **state)
{
    (void) state;
    struct batch *batch = batch_new();
    struct task *task = held_task(batch);
    assert_true(hold_finish(task));
    hold_wait(&gate, batch, INT64_MAX); /* at once: nothing is out */
    assert_true(hold_close(task));
    assert_int_equal(batch_release(batch), 0);
}

static void one_that_runs_on_is_its_runners_once_it_is_leased(void **state)
{
    (void) state;
    struct batch *batch = batch_new();
    struct task *task = held_task(batch);
    hold_wait(&gate, batch, clock_now_us()); /* the time is over */
    assert_false(hold_close(task));
    assert_false(hold_end(task));
    assert_false(hold_finish(task));
    assert_int_equal(batch_release(batch), 1);
    assert_int_equal(batch_release(batch), 0);
}

static void one_that_ends_while_it_is_leased_is_passed_on_by_the_lane(void **state)
{
    (void) state;
    struct batch *batch = batch_new();
    struct task *task = held_task(batch);
    assert_false(hold_close(task));
    assert_true(hold_finish(task));
    assert_true(hold_end(task));
    assert_false(hold_finish(task)); /* and now it is an ordinary one */
    assert_int_equal(batch_release(batch), 1);
    assert_int_equal(batch_release(batch), 0);
}

static void one_that_was_never_held_is_left_alone(void **state)
{
    (void) state;
    struct task task = { .batch = NULL };
    assert_false(hold_finish(&task));
}

/* All at once: each task ends up with exactly one of the two. */
struct runners {
    struct task *tasks[TASKS];
    _Atomic size_t next;
    _Atomic size_t published; /* by those who finish */
};

static void *run(void *arg)
{
    struct runners *runners = arg;
    size_t i;
    while ((i = runners->next++) < TASKS) {
        struct task *task = runners->tasks[i];
        if (!hold_finish(task)) {
            runners->published++;
            batch_release(task->batch);
        }
    }
    return NULL;
}

static void every_task_has_one_owner_however_they_meet(void **state)
{
    (void) state;
    for (int round = 0; round < ROUNDS; round++) {
        struct runners runners = { .next = 0 };
        struct batch *batch = batch_new();
        pthread_t threads[THREADS];
        size_t settled = 0, passed_on = 0;
        struct task *running[TASKS];
        size_t running_count = 0;

        for (size_t i = 0; i < TASKS; i++)
            runners.tasks[i] = held_task(batch);
        for (int i = 0; i < THREADS; i++)
            assert_int_equal(thread_start(&threads[i], "runner", run, &runners), 0);
        hold_wait(&gate, batch, clock_now_us() + round * 10);
        for (size_t i = 0; i < TASKS; i++) {
            if (hold_close(runners.tasks[i]))
                settled++;
            else
                running[running_count++] = runners.tasks[i];
        }
        for (size_t i = 0; i < running_count; i++)
            if (hold_end(running[i])) {
                passed_on++;
                batch_release(batch);
            }
        for (int i = 0; i < THREADS; i++)
            pthread_join(threads[i], NULL);
        assert_int_equal(settled + passed_on + runners.published, TASKS);
        assert_int_equal(batch_release(batch), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_task_that_is_finished_in_time_is_the_lanes),
        cmocka_unit_test(one_that_runs_on_is_its_runners_once_it_is_leased),
        cmocka_unit_test(one_that_ends_while_it_is_leased_is_passed_on_by_the_lane),
        cmocka_unit_test(one_that_was_never_held_is_left_alone),
        cmocka_unit_test(every_task_has_one_owner_however_they_meet),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
