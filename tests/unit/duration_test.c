#include "duration.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define SECOND 1000000LL

static int64_t parsed(const char *text)
{
    int64_t us = -1;
    assert_int_equal(duration_parse(text, &us), 0);
    return us;
}

static void each_unit_means_what_it_says(void **state)
{
    (void) state;
    assert_int_equal(parsed("7us"), 7);
    assert_int_equal(parsed("250ms"), 250000);
    assert_int_equal(parsed("30s"), 30 * SECOND);
    assert_int_equal(parsed("5m"), 300 * SECOND);
    assert_int_equal(parsed("2h"), 7200 * SECOND);
    assert_int_equal(parsed("2d"), 172800 * SECOND);
}

static void pairs_add_up_in_any_order(void **state)
{
    (void) state;
    assert_int_equal(parsed("1h30m"), 5400 * SECOND);
    assert_int_equal(parsed("30m1h"), 5400 * SECOND);
    assert_int_equal(parsed("1m1m"), 120 * SECOND);
    assert_int_equal(parsed("1s500ms"), 1500000);
    assert_int_equal(parsed("007s"), 7 * SECOND);
}

static void zero_alone_needs_no_unit(void **state)
{
    (void) state;
    assert_int_equal(parsed("0"), 0);
    assert_int_equal(parsed("0s"), 0);
    assert_int_equal(parsed("0d0us"), 0);
}

static void what_is_no_duration_is_refused_and_leaves_the_output_alone(void **state)
{
    (void) state;
    static const char *const bad[] = {
        "",    " ",    "30",    "s",    "30 s",  " 30s", "30s ", "-30s", "+30s", "1.5s", "30S",
        "30x", "1h30", "30sec", "1,5s", "0x10s", "00",   "m",    "ms5",  "1w",   "5sm",  "5mss",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        int64_t us = 42;
        assert_int_equal(duration_parse(bad[i], &us), -EINVAL);
        assert_int_equal(us, 42);
    }
}

static void a_sum_beyond_64_bits_is_out_of_range(void **state)
{
    (void) state;
    static const char *const large[] = {
        "9223372036854775808us",     "9223372036854775807s",        "106751992d",
        "106751991d4h54s775ms808us", "99999999999999999999999999s", "9223372036854775807us1us",
        "18446744073709551617us",
    };
    for (size_t i = 0; i < sizeof large / sizeof *large; i++) {
        int64_t us = 42;
        assert_int_equal(duration_parse(large[i], &us), -ERANGE);
        assert_int_equal(us, 42);
    }
    assert_int_equal(parsed("9223372036854775807us"), INT64_MAX);
    assert_int_equal(parsed("106751991d"), 106751991LL * 86400 * SECOND);
}

static void a_value_is_written_with_the_largest_units_first(void **state)
{
    (void) state;
    char text[DURATION_TEXT_SIZE];
    assert_string_equal(duration_format(0, text), "0s");
    assert_string_equal(duration_format(1, text), "1us");
    assert_string_equal(duration_format(250000, text), "250ms");
    assert_string_equal(duration_format(30 * SECOND, text), "30s");
    assert_string_equal(duration_format(60 * SECOND, text), "1m");
    assert_string_equal(duration_format(5400 * SECOND, text), "1h30m");
    assert_string_equal(duration_format(1500001, text), "1s500ms1us");
    assert_string_equal(duration_format(86400 * SECOND, text), "1d");
}

static void what_was_written_reads_back_as_the_same_value(void **state)
{
    (void) state;
    char text[DURATION_TEXT_SIZE];
    /* about 1,600 values over the whole range, powers of two and their neighbours among them */
    for (int shift = 0; shift < 63; shift++)
        for (int64_t off = -12; off <= 13; off++) {
            int64_t us = (int64_t) (1ULL << shift) + off * (shift > 4);
            assert_int_equal(parsed(duration_format(us, text)), us);
        }
    assert_int_equal(parsed(duration_format(INT64_MAX, text)), INT64_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_unit_means_what_it_says),
        cmocka_unit_test(pairs_add_up_in_any_order),
        cmocka_unit_test(zero_alone_needs_no_unit),
        cmocka_unit_test(what_is_no_duration_is_refused_and_leaves_the_output_alone),
        cmocka_unit_test(a_sum_beyond_64_bits_is_out_of_range),
        cmocka_unit_test(a_value_is_written_with_the_largest_units_first),
        cmocka_unit_test(what_was_written_reads_back_as_the_same_value),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
