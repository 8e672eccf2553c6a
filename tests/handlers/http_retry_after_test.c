#include "retry_after.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "http_date.h"

#define SECOND 1000000LL
#define NOW 1795000000    /* 2026-11-18 10:26:40 */
#define IN_1994 784111777 /* Sun, 06 Nov 1994 08:49:37 GMT */

static int64_t date(const char *text)
{
    int64_t seconds = -1;
    if (http_date_parse(text, strlen(text), NOW, &seconds) < 0)
        return -1;
    return seconds;
}

static int64_t asked(const char *value, const char *response_date)
{
    return retry_after_us(value, strlen(value), response_date, strlen(response_date), NOW);
}

static void the_three_forms_of_a_date_are_the_same_instant(void **state)
{
    (void) state;
    assert_int_equal(date("Sun, 06 Nov 1994 08:49:37 GMT"), IN_1994);
    assert_int_equal(date("Sunday, 06-Nov-94 08:49:37 GMT"), IN_1994);
    assert_int_equal(date("Sun Nov  6 08:49:37 1994"), IN_1994);
}

static void a_date_is_read_with_tolerance(void **state)
{
    (void) state;
    assert_int_equal(date("06 Nov 1994 08:49:37 GMT"), IN_1994);
    assert_int_equal(date("06 Nov 1994 08:49:37"), IN_1994);
    assert_int_equal(date("Nov 6 08:49:37 1994"), IN_1994);
    assert_int_equal(date("Mon, 6 nov 1994  08:49:37 utc"), IN_1994);
    assert_int_equal(date("sun,06 NOV 1994 08:49:37 +0000"), IN_1994);
}

static void dates_at_the_edges_of_the_calendar(void **state)
{
    (void) state;
    assert_int_equal(date("Thu, 01 Jan 1970 00:00:00 GMT"), 0);
    assert_int_equal(date("Tue, 29 Feb 2000 12:00:00 GMT"), 951825600);
    assert_int_equal(date("Wed, 01 Mar 2000 00:00:00 GMT"), 951868800);
    assert_int_equal(date("Sat, 31 Dec 2016 23:59:60 GMT"), 1483228800);
    assert_int_equal(date("Fri, 31 Dec 9999 23:59:59 GMT"), 253402300799);
    assert_int_equal(date("Sun, 28 Feb 2100 23:59:59 GMT"), 4107542399);
    assert_int_equal(date("Mon, 29 Feb 2100 00:00:00 GMT"), -1);
    assert_int_equal(date("Sat, 29 Feb 2025 00:00:00 GMT"), -1);
    assert_int_equal(date("Wed, 31 Dec 1969 23:59:59 GMT"), -1);
}

static void a_year_of_two_digits_is_near(void **state)
{
    (void) state;
    assert_int_equal(date("Monday, 01-Jan-70 00:00:00 GMT"), 3155760000); /* 2070 */
    assert_int_equal(date("Tuesday, 01-Jan-80 00:00:00 GMT"), 315532800); /* 1980 */
    assert_int_equal(date("Saturday, 01-Jan-00 00:00:00 GMT"), 946684800);
}

static void what_is_no_date_is_refused(void **state)
{
    (void) state;
    static const char *const bad[] = {
        "",
        "GMT",
        "Sun",
        ", - ,",
        "Sun, 06 Nov 1994",
        "Sun, 06 Nov 1994 08:49 GMT",
        "Sun, 06 Nov 1994 24:00:00 GMT",
        "Sun, 06 Nov 1994 08:60:00 GMT",
        "Sun, 06 Nov 1994 08:49:61 GMT",
        "Sun, 00 Nov 1994 08:49:37 GMT",
        "Sun, 31 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nob 1994 08:49:37 GMT",
        "Sun, 06 Nov 994 08:49:37 GMT",
        "Sun, 06 Nov 19940 08:49:37 GMT",
        "Sun, 06 Nov 1994 08:49:37 CET",
        "Sun, 06 Nov 1994 08:49:37 GMT GMT",
        "Sun, 06 Nov 1994 0x:49:37 GMT",
        "1994-11-06T08:49:37Z",
        "Wednesdayyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy",
        "a b c d e f g h i j k l m n",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (date(bad[i]) != -1)
            fail_msg("accepted: %s", bad[i]);
}

static void seconds_are_waited(void **state)
{
    (void) state;
    assert_int_equal(asked("120", ""), 120 * SECOND);
    assert_int_equal(asked(" 120\t\r\n", ""), 120 * SECOND);
    assert_int_equal(asked("1.5", ""), 1500000);
    assert_int_equal(asked("2.", ""), 2 * SECOND);
    assert_int_equal(asked("0.00000199999999999999999999", ""), 1);
}

static void a_date_is_relative_to_the_responses_own(void **state)
{
    (void) state;
    /* The receiver's clock is years behind ours; it means two minutes all the same. */
    assert_int_equal(asked("Sun, 06 Nov 1994 08:51:37 GMT", "Sun, 06 Nov 1994 08:49:37 GMT"),
                     120 * SECOND);
}

static void without_a_date_of_the_response_our_clock_counts(void **state)
{
    (void) state;
    assert_int_equal(asked("Wed, 18 Nov 2026 11:07:40 GMT", ""), 60 * SECOND);
    assert_int_equal(asked("Wed, 18 Nov 2026 11:07:40 GMT", "yesterday"), 60 * SECOND);
}

static void no_wait_is_no_wish(void **state)
{
    (void) state;
    assert_int_equal(asked("", ""), -1);
    assert_int_equal(asked("   ", ""), -1);
    assert_int_equal(asked("0", ""), -1);
    assert_int_equal(asked("Sun, 06 Nov 1994 08:49:37 GMT", ""), -1);
    assert_int_equal(asked("Sun, 06 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:49:37 GMT"), -1);
}

static void what_cannot_be_read_is_no_wish(void **state)
{
    (void) state;
    static const char *const bad[] = { "-1",   "soon", "12s", "1,5", "1.5.5",
                                       "0x10", ".5",   "1e3", "+5" };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (asked(bad[i], "") != -1)
            fail_msg("accepted: %s", bad[i]);
}

static void no_number_is_too_long(void **state)
{
    (void) state;
    char digits[4096];
    memset(digits, '9', sizeof digits);
    assert_int_equal(retry_after_us(digits, sizeof digits, "", 0, NOW), RETRY_AFTER_MAX_US);
    memset(digits, '0', sizeof digits);
    assert_int_equal(retry_after_us(digits, sizeof digits, "", 0, NOW), -1);
    assert_int_equal(asked("Fri, 31 Dec 9999 23:59:59 GMT", ""), RETRY_AFTER_MAX_US);
}

static void the_value_need_not_end_with_a_nul(void **state)
{
    (void) state;
    static const char text[] = "Sun, 06 Nov 1994 08:49:37 GMT";
    for (size_t len = 0; len < sizeof text; len++) {
        char *value = malloc(len + !len); /* ASan sees a read behind it */
        assert_non_null(value);
        memcpy(value, text, len);
        assert_int_equal(retry_after_us(value, len, value, len, NOW), -1);
        free(value);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_three_forms_of_a_date_are_the_same_instant),
        cmocka_unit_test(a_date_is_read_with_tolerance),
        cmocka_unit_test(dates_at_the_edges_of_the_calendar),
        cmocka_unit_test(a_year_of_two_digits_is_near),
        cmocka_unit_test(what_is_no_date_is_refused),
        cmocka_unit_test(seconds_are_waited),
        cmocka_unit_test(a_date_is_relative_to_the_responses_own),
        cmocka_unit_test(without_a_date_of_the_response_our_clock_counts),
        cmocka_unit_test(no_wait_is_no_wish),
        cmocka_unit_test(what_cannot_be_read_is_no_wish),
        cmocka_unit_test(no_number_is_too_long),
        cmocka_unit_test(the_value_need_not_end_with_a_nul),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
