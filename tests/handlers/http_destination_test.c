#include "destination.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

enum { SECOND = 1000000, LIMIT = 3 };

static int setup(void **state)
{
    *state = destination_get(true, "shop.example", LIMIT, 8 * SECOND);
    return *state ? 0 : -1;
}

static int teardown(void **state)
{
    destination_put(*state);
    return 0;
}

static enum destination_answer ask(struct destination *destination, int64_t now_us)
{
    int64_t wait_us;
    return destination_ask(destination, now_us, &wait_us);
}

static void end(struct destination *destination, enum destination_end how, int64_t now_us,
                enum destination_news expected)
{
    assert_int_equal(destination_ended(destination, how, now_us), expected);
}

/* How many may begin now. */
static unsigned begin_all(struct destination *destination, int64_t now_us)
{
    unsigned count = 0;
    while (count < 5000 && ask(destination, now_us) == DESTINATION_BEGIN)
        count++;
    return count;
}

static void lines_that_go_to_the_same_host_share_it(void **state)
{
    struct destination *same = destination_get(true, "shop.example", 0, 0);
    struct destination *plain = destination_get(false, "shop.example", 0, 0);
    struct destination *other = destination_get(true, "shop.example:8443", 0, 0);
    assert_ptr_equal(same, *state);
    assert_ptr_not_equal(plain, *state);
    assert_ptr_not_equal(other, *state);
    destination_put(same);
    destination_put(plain);
    destination_put(other);
}

static void one_that_works_has_no_limit(void **state)
{
    assert_int_equal(begin_all(*state, 0), 5000);
    for (int i = 0; i < 5000; i++)
        end(*state, i % LIMIT ? DESTINATION_FAILED : DESTINATION_REACHED, 0, DESTINATION_NO_NEWS);
}

static void one_that_is_down_is_probed_and_comes_back_slowly(void **state)
{
    int64_t now_us = SECOND;
    for (int i = 0; i < LIMIT; i++) {
        assert_int_equal(ask(*state, now_us), DESTINATION_BEGIN);
        end(*state, DESTINATION_FAILED, now_us,
            i == LIMIT - 1 ? DESTINATION_WENT_DOWN : DESTINATION_NO_NEWS);
    }
    assert_int_equal(ask(*state, now_us), DESTINATION_RESTS);
    now_us += SECOND;
    assert_int_equal(ask(*state, now_us), DESTINATION_BEGIN);
    assert_int_equal(ask(*state, now_us), DESTINATION_FULL);
    end(*state, DESTINATION_FAILED, now_us, DESTINATION_NO_NEWS);
    assert_int_equal(ask(*state, now_us + SECOND), DESTINATION_RESTS); /* for two seconds now */
    now_us += 2 * SECOND;
    assert_int_equal(ask(*state, now_us), DESTINATION_BEGIN);
    end(*state, DESTINATION_REACHED, now_us, DESTINATION_IS_BACK);
    for (unsigned expected = 2; expected <= 1024; expected *= 2) {
        assert_int_equal(begin_all(*state, now_us), expected);
        for (unsigned i = 0; i < expected; i++)
            end(*state, DESTINATION_REACHED, now_us, DESTINATION_NO_NEWS);
    }
    assert_int_equal(begin_all(*state, now_us), 5000);
    for (unsigned i = 0; i < 5000; i++)
        end(*state, DESTINATION_ABANDONED, now_us, DESTINATION_NO_NEWS);
}

static void a_probe_that_tells_nothing_is_followed_by_another(void **state)
{
    for (int i = 0; i < LIMIT; i++) {
        assert_int_equal(ask(*state, 0), DESTINATION_BEGIN);
        (void) destination_ended(*state, DESTINATION_FAILED, 0);
    }
    for (int i = 0; i < 3; i++) {
        assert_int_equal(ask(*state, SECOND), DESTINATION_BEGIN);
        end(*state, DESTINATION_ABANDONED, SECOND, DESTINATION_NO_NEWS);
    }
}

static void without_a_limit_it_is_never_down(void **state)
{
    struct destination *free_one = destination_get(false, "other.example", 0, SECOND);
    (void) state;
    for (int i = 0; i < 100; i++) {
        assert_int_equal(ask(free_one, 0), DESTINATION_BEGIN);
        end(free_one, DESTINATION_FAILED, 0, DESTINATION_NO_NEWS);
    }
    destination_put(free_one);
}

int main(void)
{
#define test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        test(lines_that_go_to_the_same_host_share_it),
        test(one_that_works_has_no_limit),
        test(one_that_is_down_is_probed_and_comes_back_slowly),
        test(a_probe_that_tells_nothing_is_followed_by_another),
        test(without_a_limit_it_is_never_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
