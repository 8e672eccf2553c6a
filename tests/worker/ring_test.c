#include "ring.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define SECOND INT64_C(1000000)
#define T (1000 * SECOND)

static void a_job_that_is_due_is_looked_for_at_once(void **state)
{
    (void) state;
    struct ring ring = { 0 };
    assert_int_equal(ring_look_us(&ring), INT64_MAX);
    ring_hear(&ring, T, 0, 1);
    assert_int_equal(ring_look_us(&ring), T);
    ring_looked(&ring, T + 1);
    assert_int_equal(ring_look_us(&ring), INT64_MAX);
}

static void a_job_that_is_due_later_is_looked_for_then(void **state)
{
    (void) state;
    struct ring ring = { 0 };
    ring_hear(&ring, T, 3 * SECOND, 1);
    ring_hear(&ring, T, 5 * SECOND, 1);
    assert_int_equal(ring_look_us(&ring), T + 3 * SECOND);
    ring_looked(&ring, T + SECOND); /* for another reason */
    ring_found_nothing(&ring, T + SECOND);
    assert_int_equal(ring_look_us(&ring), T + 3 * SECOND);
}

static void rings_one_after_the_other_cost_a_look_each_few_milliseconds(void **state)
{
    (void) state;
    struct ring ring = { 0 };
    unsigned looks = 0;
    for (int64_t now_us = T; now_us < T + SECOND; now_us += 20) {
        ring_hear(&ring, now_us, 0, 1);
        if (ring_look_us(&ring) <= now_us) {
            ring_looked(&ring, now_us);
            ring_claimed(&ring, 100);
            looks++;
        }
    }
    assert_in_range(looks, 2, SECOND / RING_APART_US);
}

static void a_ring_in_the_middle_of_a_look_is_not_lost(void **state)
{
    (void) state;
    struct ring ring = { 0 };
    ring_hear(&ring, T, 0, 1);
    ring_looked(&ring, T);
    ring_hear(&ring, T + 100, 0, 1);
    ring_found_nothing(&ring, T + 200); /* it was asked before the second one was committed */
    assert_int_equal(ring_look_us(&ring), T + RING_APART_US);
}

static void what_was_not_found_is_looked_for_again_for_half_a_second(void **state)
{
    (void) state;
    struct ring ring = { 0 };
    unsigned looks = 0;
    int64_t now_us = T;
    ring_hear(&ring, now_us, 0, 1);
    while (ring_look_us(&ring) < INT64_MAX) {
        now_us = ring_look_us(&ring);
        ring_looked(&ring, now_us);
        ring_found_nothing(&ring, now_us + 300);
        looks++;
    }
    assert_in_range(looks, 5, 8);
    assert_in_range(now_us, T + SECOND / 2, T + SECOND);
}

static void what_was_found_is_not_looked_for_again(void **state)
{
    (void) state;
    struct ring ring = { 0 };
    ring_hear(&ring, T, 0, 3);
    ring_looked(&ring, T);
    ring_claimed(&ring, 5);
    ring_looked(&ring, T + 500);
    ring_found_nothing(&ring, T + 600);
    assert_int_equal(ring_look_us(&ring), INT64_MAX);
}

static void numbers_without_bounds_do_no_harm(void **state)
{
    (void) state;
    struct ring ring = { 0 };
    ring_hear(&ring, T, INT64_MAX, UINT64_MAX);
    assert_int_equal(ring_look_us(&ring), INT64_MAX);
    ring_hear(&ring, T, INT64_MIN, UINT64_MAX);
    ring_hear(&ring, T, 0, UINT64_MAX);
    assert_int_equal(ring_look_us(&ring), T);
    ring_claimed(&ring, UINT64_MAX);
    assert_int_equal(ring.owed, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_job_that_is_due_is_looked_for_at_once),
        cmocka_unit_test(a_job_that_is_due_later_is_looked_for_then),
        cmocka_unit_test(rings_one_after_the_other_cost_a_look_each_few_milliseconds),
        cmocka_unit_test(a_ring_in_the_middle_of_a_look_is_not_lost),
        cmocka_unit_test(what_was_not_found_is_looked_for_again_for_half_a_second),
        cmocka_unit_test(what_was_found_is_not_looked_for_again),
        cmocka_unit_test(numbers_without_bounds_do_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
