#include "timestamp.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static void what_is_written_is_read_again(void **state)
{
    (void) state;
    /* Each day of TIMESTAMP's range, at another time. */
    for (int64_t us = 1; us < INT64_C(2147483647000000); us += INT64_C(86400000000) + 1234567) {
        struct buffer text = { 0 };
        timestamp_append(&text, us);
        assert_int_equal(text.len, 28);
        assert_true(timestamp_parse(text.bytes + 1) == us);
        buffer_done(&text);
    }
}

static void known_instants(void **state)
{
    (void) state;
    assert_true(timestamp_parse("1970-01-01 00:00:00.000001") == 1);
    assert_true(timestamp_parse("2000-02-29 12:34:56.789012") == INT64_C(951827696789012));
    assert_true(timestamp_parse("2026-01-01 00:00:00.000002") == INT64_C(1767225600000002));
    assert_true(timestamp_parse("2038-01-19 03:14:07.999999") == INT64_C(2147483647999999));
}

static void what_is_no_date_is_none(void **state)
{
    (void) state;
    static const char *const texts[] = {
        "0000-00-00 00:00:00.000000",
        "2026-00-01 00:00:00.000000",
        "2026-01-00 00:00:00.000000",
        "2026-01-01 00:00:00",
        "2026-01-01T00:00:00.000000",
        "garbage",
        "",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        assert_int_equal(timestamp_parse(texts[i]), 0);
    assert_int_equal(timestamp_parse(NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read_again),
        cmocka_unit_test(known_instants),
        cmocka_unit_test(what_is_no_date_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
