#include "watermark.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static bool claimed(struct watermark *watermark, size_t count, bool full, int64_t first_us,
                    int64_t last_us)
{
    const struct watermark_claim claim = {
        .count = count, .full = full, .first_us = first_us, .last_us = last_us, .has_company = true
    };
    return watermark_claimed(watermark, &claim);
}

/* Each claim takes 1,000 rows, one at each instant, and others have taken 3,000 before the next. */
static void claim_beside_others(struct watermark *watermark, int claims)
{
    int64_t first_us = watermark->reached_us + 3000;
    for (; claims > 0; claims--, first_us += 4000)
        assert_true(claimed(watermark, 1000, true, first_us, first_us + 999));
}

static void it_goes_where_a_full_claim_ended_and_past_one_that_was_not(void **state)
{
    (void) state;
    struct watermark watermark = { 0 };

    assert_true(claimed(&watermark, 500, true, 100, 777));
    assert_int_equal(watermark.from_us, 777);
    assert_true(claimed(&watermark, 500, true, 300, 555)); /* which began before */
    assert_int_equal(watermark.from_us, 777);
    assert_true(claimed(&watermark, 3, false, 777, 888));
    assert_int_equal(watermark.from_us, 889);
    assert_true(claimed(&watermark, 0, false, 0, 0));
    assert_int_equal(watermark.from_us, 889);
}

static void what_others_took_twice_is_mostly_passed_over(void **state)
{
    (void) state;
    struct watermark watermark = { 0 };

    claim_beside_others(&watermark, 2);
    assert_int_equal(watermark.from_us, watermark.reached_us);
    claim_beside_others(&watermark, 1);
    assert_in_range(watermark.from_us - watermark.reached_us, 2000, 3000);
    assert_int_equal(watermark_known_us(&watermark), watermark.reached_us);
}

static void what_was_passed_over_is_claimed_before_nothing_is_left(void **state)
{
    (void) state;
    struct watermark watermark = { 0 };

    claim_beside_others(&watermark, 3);
    int64_t reached_us = watermark.reached_us;
    assert_true(watermark.from_us > reached_us);
    assert_false(claimed(&watermark, 0, false, 0, 0));
    assert_int_equal(watermark.from_us, reached_us);
    assert_true(claimed(&watermark, 7, false, reached_us + 1, reached_us + 7));
    assert_int_equal(watermark.from_us, reached_us + 8);
}

static void nothing_is_passed_over_without_other_daemons(void **state)
{
    (void) state;
    struct watermark watermark = { 0 };

    for (int64_t first_us = 1000; first_us < 90000; first_us += 10000) {
        const struct watermark_claim claim = {
            .count = 1000, .full = true, .first_us = first_us, .last_us = first_us + 999
        };
        assert_true(watermark_claimed(&watermark, &claim));
        assert_int_equal(watermark.from_us, first_us + 999);
    }
}

static void gaps_between_single_rows_are_nobodys(void **state)
{
    (void) state;
    struct watermark watermark = { 0 };

    for (int64_t first_us = 1000; first_us < 90000; first_us += 10000) {
        assert_true(claimed(&watermark, 10, true, first_us, first_us + 10));
        assert_int_equal(watermark.from_us, first_us + 10);
    }
}

static void one_that_is_set_is_kept_until_the_next_claim(void **state)
{
    (void) state;
    struct watermark watermark = { 0 };

    claim_beside_others(&watermark, 3);
    watermark_set(&watermark, 5);
    assert_int_equal(watermark.from_us, 5);
    assert_int_equal(watermark_known_us(&watermark), 5);
    assert_true(claimed(&watermark, 1, true, 5, 5));
    assert_int_equal(watermark.from_us, 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_goes_where_a_full_claim_ended_and_past_one_that_was_not),
        cmocka_unit_test(what_others_took_twice_is_mostly_passed_over),
        cmocka_unit_test(what_was_passed_over_is_claimed_before_nothing_is_left),
        cmocka_unit_test(nothing_is_passed_over_without_other_daemons),
        cmocka_unit_test(gaps_between_single_rows_are_nobodys),
        cmocka_unit_test(one_that_is_set_is_kept_until_the_next_claim),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
