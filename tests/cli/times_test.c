#include "times.h"

#include "fail.h"

#define SECOND INT64_C(1000000)

static int64_t parsed(const char *text)
{
    int64_t us = -1;
    if (!times_parse(text, &us))
        test_fail("%s is not taken for a time", text);
    return us;
}

static void a_time_without_an_offset_is_utc(void **state)
{
    (void) state;
    assert_int_equal(parsed("1970-01-02 00:00"), 86400 * SECOND);
    assert_int_equal(parsed("2026-11-22T19:30:05"), 1795375805 * SECOND);
    assert_int_equal(parsed("2026-11-22T19:30:05Z"), 1795375805 * SECOND);
}

static void an_offset_is_taken_away(void **state)
{
    (void) state;
    assert_int_equal(parsed("2026-11-23T03:30:05+08:00"), 1795375805 * SECOND);
    assert_int_equal(parsed("2026-11-22 14:30:05-0500"), 1795375805 * SECOND);
}

static void fractions_go_down_to_microseconds(void **state)
{
    (void) state;
    assert_int_equal(parsed("2026-11-22T19:30:05.5Z"), 1795375805 * SECOND + 500000);
    assert_int_equal(parsed("2026-11-22T19:30:05.1234567Z"), 1795375805 * SECOND + 123456);
}

static void the_last_moment_of_a_timestamp_is_the_last(void **state)
{
    (void) state;
    int64_t us = -1;
    assert_int_equal(parsed("2038-01-19 03:14:07"), INT64_C(2147483647) * SECOND);
    assert_int_equal(parsed("2038-01-19 03:14:07.9"), INT64_C(2147483647) * SECOND);
    assert_false(times_parse("2038-01-19 03:14:08", &us));
    assert_false(times_parse("1970-01-01 00:00:00", &us));
    assert_int_equal(us, -1);
}

static void what_is_no_time_is_refused(void **state)
{
    (void) state;
    static const char *const texts[] = {
        "",
        "tomorrow",
        "2026-11-22",
        "2026-11-22 19",
        "2026-11-22 24:00",
        "2026-02-29 00:00",
        "2026-13-01 00:00",
        "2026-11-22 19:30:60",
        "2026-11-22 19:30:05.",
        "2026-11-22 19:30 ",
        "2026-11-22 19:30+8",
        "2026-11-22 19:30+15:00",
        "2026-1-22 19:30",
        " 2026-11-22 19:30",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        int64_t us;
        if (times_parse(texts[i], &us))
            test_fail("\"%s\" is taken for a time", texts[i]);
    }
}

static void an_age_has_two_units_at_most(void **state)
{
    (void) state;
    char text[TIMES_TEXT_SIZE];
    assert_string_equal(times_age(0, text), "0ms");
    assert_string_equal(times_age(SECOND - 1, text), "999ms");
    assert_string_equal(times_age(59 * SECOND, text), "59s");
    assert_string_equal(times_age(65 * SECOND, text), "1m05s");
    assert_string_equal(times_age(3600 * SECOND, text), "1h00m");
    assert_string_equal(times_age(INT64_C(90000) * SECOND, text), "1d1h");
}

static void programs_get_rfc_3339(void **state)
{
    (void) state;
    char text[TIMES_TEXT_SIZE];
    assert_string_equal(times_for_programs(1795375805 * SECOND + 42, text),
                        "2026-11-22T19:30:05.000042Z");
    assert_string_equal(times_for_people(1795375805 * SECOND + 42, text), "2026-11-22 19:30:05Z");
    assert_string_equal(times_for_people(0, text), "-");
    assert_string_equal(times_relative(10 * SECOND, 4 * SECOND, text), "in 6s");
    assert_string_equal(times_relative(4 * SECOND, 10 * SECOND, text), "6s ago");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_time_without_an_offset_is_utc),
        cmocka_unit_test(an_offset_is_taken_away),
        cmocka_unit_test(fractions_go_down_to_microseconds),
        cmocka_unit_test(the_last_moment_of_a_timestamp_is_the_last),
        cmocka_unit_test(what_is_no_time_is_refused),
        cmocka_unit_test(an_age_has_two_units_at_most),
        cmocka_unit_test(programs_get_rfc_3339),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
