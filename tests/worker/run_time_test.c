#include "run_time.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static void add(struct run_time *run_time, int64_t took_us, int count)
{
    for (int i = 0; i < count; i++)
        run_time_add(run_time, took_us);
    run_time_update(run_time);
}

static void a_few_runs_tell_nothing(void **state)
{
    (void) state;
    struct run_time run_time = { .count = 0 };
    add(&run_time, 5, 19);
    assert_int_equal(run_time.p95_us, 0);
    add(&run_time, 5, 1);
    assert_int_not_equal(run_time.p95_us, 0);
}

static void the_bound_is_above_the_value_by_a_quarter_at_most(void **state)
{
    (void) state;
    for (int64_t us = 1; us < INT64_C(3600000000); us = us * 5 / 4 + 1) {
        struct run_time run_time = { .count = 0 };
        add(&run_time, us, 100);
        assert_true(run_time.p95_us > us);
        assert_true(run_time.p95_us <= us + us / 4 + 1);
    }
}

static void one_slow_run_in_twenty_is_borne_and_two_are_not(void **state)
{
    (void) state;
    struct run_time run_time = { .count = 0 };
    add(&run_time, 100, 95);
    add(&run_time, 1000000, 5);
    assert_true(run_time.p95_us < 1000);
    add(&run_time, 1000000, 5);
    assert_true(run_time.p95_us > 1000000);
}

static void what_was_long_ago_is_forgotten(void **state)
{
    (void) state;
    struct run_time run_time = { .count = 0 };
    for (int i = 0; i < 50; i++)
        add(&run_time, 1000000, 100);
    assert_true(run_time.p95_us > 1000000);
    for (int i = 0; i < 200; i++)
        add(&run_time, 10, 100);
    assert_true(run_time.p95_us < 100);
}

static void times_beyond_any_bucket_are_kept_in_the_last(void **state)
{
    (void) state;
    struct run_time run_time = { .count = 0 };
    add(&run_time, INT64_MAX, 30);
    add(&run_time, 0, 1);
    assert_true(run_time.p95_us > INT64_C(3600000000));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_few_runs_tell_nothing),
        cmocka_unit_test(the_bound_is_above_the_value_by_a_quarter_at_most),
        cmocka_unit_test(one_slow_run_in_twenty_is_borne_and_two_are_not),
        cmocka_unit_test(what_was_long_ago_is_forgotten),
        cmocka_unit_test(times_beyond_any_bucket_are_kept_in_the_last),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
