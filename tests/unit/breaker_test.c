#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "breaker.h"

enum { SECOND = 1000000 };

static const struct breaker fresh = { .limit = 3, .first_us = SECOND, .most_us = 5 * SECOND };

static bool asked(struct breaker *breaker, int64_t now_us, int64_t expected_wait_us)
{
    int64_t wait_us = 0;
    bool may = breaker_ask(breaker, now_us, &wait_us);
    assert_int_equal(wait_us, expected_wait_us);
    return may;
}

static bool failed(struct breaker *breaker, int64_t now_us, int64_t expected_pause_us)
{
    int64_t pause_us = 0;
    bool opened = breaker_failed(breaker, now_us, &pause_us);
    assert_int_equal(pause_us, expected_pause_us);
    return opened;
}

static void failures_that_do_not_follow_each_other_leave_it_closed(void **state)
{
    struct breaker breaker = fresh;
    (void) state;
    for (int i = 0; i < 10; i++) {
        assert_true(asked(&breaker, i, 0));
        assert_false(failed(&breaker, i, 0));
        assert_false(failed(&breaker, i, 0));
        assert_false(breaker_succeeded(&breaker));
    }
}

static void it_opens_and_lets_one_probe_through_at_a_time(void **state)
{
    struct breaker breaker = fresh;
    (void) state;
    assert_false(failed(&breaker, 0, 0));
    assert_false(failed(&breaker, 0, 0));
    assert_true(failed(&breaker, 100, SECOND));
    assert_false(failed(&breaker, 200, 0)); /* begun before */
    assert_false(asked(&breaker, 100 + SECOND / 4, SECOND - SECOND / 4));
    assert_true(asked(&breaker, 100 + SECOND, 0));
    assert_false(asked(&breaker, 100 + SECOND, SECOND));
    breaker_abandoned(&breaker);
    assert_true(asked(&breaker, 200 + SECOND, 0));
    assert_true(breaker_succeeded(&breaker));
    assert_true(asked(&breaker, 200 + SECOND, 0));
    assert_true(asked(&breaker, 200 + SECOND, 0));
    assert_false(failed(&breaker, 300 + SECOND, 0));
}

static void the_pause_doubles_with_each_probe_that_fails_up_to_the_most(void **state)
{
    struct breaker breaker = fresh;
    int64_t now_us = 0;
    (void) state;
    for (unsigned i = 0; i < 2; i++)
        assert_false(failed(&breaker, now_us, 0));
    assert_true(failed(&breaker, now_us, SECOND));
    static const int64_t pauses_us[] = { 2 * SECOND, 4 * SECOND, 5 * SECOND, 5 * SECOND };
    for (unsigned i = 0; i < sizeof pauses_us / sizeof *pauses_us; i++) {
        now_us = breaker.until_us;
        assert_true(asked(&breaker, now_us, 0));
        assert_false(failed(&breaker, now_us, pauses_us[i]));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(failures_that_do_not_follow_each_other_leave_it_closed),
        cmocka_unit_test(it_opens_and_lets_one_probe_through_at_a_time),
        cmocka_unit_test(the_pause_doubles_with_each_probe_that_fails_up_to_the_most),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
