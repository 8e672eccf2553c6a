#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "spread.h"

static void a_percentile_is_the_smallest_value_that_so_many_do_not_exceed(void **state)
{
    (void) state;
    struct spread spread = { 0 };
    for (int64_t i = 1000; i >= 1; i--)
        spread_add(&spread, i);
    assert_int_equal(spread_percentile_us(&spread, 50), 500);
    assert_int_equal(spread_percentile_us(&spread, 99), 990);
    assert_int_equal(spread_percentile_us(&spread, 100), 1000);
    spread_done(&spread);
}

static void of_one_value_all_percentiles_are_that_value(void **state)
{
    (void) state;
    struct spread spread = { 0 };
    spread_add(&spread, -7); /* a doorbell may be quicker than the answer to the INSERT */
    assert_int_equal(spread_percentile_us(&spread, 50), -7);
    assert_int_equal(spread_percentile_us(&spread, 99), -7);
    spread_done(&spread);
}

static void of_no_value_a_percentile_is_0(void **state)
{
    (void) state;
    struct spread spread = { 0 };
    assert_int_equal(spread_percentile_us(&spread, 99), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_percentile_is_the_smallest_value_that_so_many_do_not_exceed),
        cmocka_unit_test(of_one_value_all_percentiles_are_that_value),
        cmocka_unit_test(of_no_value_a_percentile_is_0),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
