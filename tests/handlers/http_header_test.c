#include "header.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

static void a_name_is_a_token(void **state)
{
    (void) state;
    assert_true(header_name_valid("X-Shop_1", 8));
    assert_true(header_name_valid("!#$%&'*+-.^_`|~", 15));
    assert_false(header_name_valid("", 0));
    static const char *const bad[] = { "a b", "a:b",  "a\r\nb",   "a(b",  "a/b", "a\"b", "a,b",
                                       "a;b", "\x7f", "\xc3\xa4", "a\tb", "a{",  "a@b" };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (header_name_valid(bad[i], strlen(bad[i])))
            fail_msg("accepted: %s", bad[i]);
    assert_false(header_name_valid("a\0b", 3));
}

static void a_name_has_an_end(void **state)
{
    (void) state;
    char name[HEADER_NAME_MAX + 1];
    memset(name, 'a', sizeof name);
    assert_true(header_name_valid(name, HEADER_NAME_MAX));
    assert_false(header_name_valid(name, HEADER_NAME_MAX + 1));
}

static void a_value_has_no_control_characters(void **state)
{
    (void) state;
    assert_true(header_value_valid("", 0));
    assert_true(header_value_valid("a b: c, \"d\" \xc3\xa4", 14));
    for (int c = 0; c < 0x20; c++) {
        char value[] = { 'a', (char) c, 'b' };
        assert_false(header_value_valid(value, sizeof value));
    }
    assert_false(header_value_valid("\x7f", 1));
}

static void what_frames_a_message_is_the_handlers_own(void **state)
{
    (void) state;
    static const char *const own[] = {
        "content-length",
        "Transfer-Encoding",
        "CONNECTION",
        "Expect",
        "TE",
        "Trailer",
        "Upgrade",
        "Keep-Alive",
        "Proxy-Connection",
        "Proxy-Authorization",
        "HTTP2-Settings",
        "idempotency-key",
        "dueq-kind",
        "DUEQ-Anything",
        "Dueq-",
    };
    for (size_t i = 0; i < sizeof own / sizeof own[0]; i++)
        if (header_owner(own[i]) != HEADER_HANDLER)
            fail_msg("anybody may set %s", own[i]);
}

static void who_is_calling_is_the_operators_to_say(void **state)
{
    (void) state;
    assert_int_equal(header_owner("host"), HEADER_OPERATOR);
    assert_int_equal(header_owner("AUTHORIZATION"), HEADER_OPERATOR);
    assert_int_equal(header_owner("User-Agent"), HEADER_OPERATOR);
    assert_int_equal(header_owner("X-Shop"), HEADER_ANYBODY);
    assert_int_equal(header_owner("Dueque"), HEADER_ANYBODY);
}

static void a_line_is_split_at_its_first_colon(void **state)
{
    (void) state;
    struct header_list list = { 0 };
    const char *problem = NULL;
    assert_int_equal(header_list_add_line(&list, "X-Time:  12:30  ", &problem), 0);
    assert_int_equal(header_list_add_line(&list, "X-Empty:", &problem), 0);
    assert_int_equal(list.count, 2);
    assert_string_equal(list.items[0].name, "X-Time");
    assert_string_equal(header_list_find(&list, "x-time"), "12:30");
    assert_string_equal(header_list_find(&list, "X-EMPTY"), "");
    assert_null(header_list_find(&list, "X"));
    header_list_done(&list);
}

static void a_line_that_is_no_header_is_refused_in_words(void **state)
{
    (void) state;
    static const char *const bad[] = {
        "no colon", ": value", "X Y: value", "X: a\r\nHost: b", "X: a\nb", "X\r\nY: b", "X : a",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct header_list list = { 0 };
        const char *problem = NULL;
        assert_int_equal(header_list_add_line(&list, bad[i], &problem), -EINVAL);
        assert_non_null(problem);
        assert_int_equal(list.count, 0);
        header_list_done(&list);
    }
}

static void text_out_of_a_row_cannot_break_a_line(void **state)
{
    (void) state;
    struct header_list list = { 0 };
    assert_int_equal(header_list_add_text(&list, "Dueq-Kind", "a\r\nHost: b\x7f\xc3\xa4~"), 0);
    assert_string_equal(header_list_find(&list, "Dueq-Kind"), "a??Host: b???~");
    header_list_done(&list);
}

static void a_list_grows(void **state)
{
    (void) state;
    struct header_list list = { 0 };
    char name[16];
    for (int i = 0; i < 100; i++) {
        snprintf(name, sizeof name, "X-%d", i);
        assert_int_equal(header_list_add(&list, name, name), 0);
    }
    assert_string_equal(header_list_find(&list, "x-99"), "X-99");
    header_list_done(&list);
    assert_int_equal(list.count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_name_is_a_token),
        cmocka_unit_test(a_name_has_an_end),
        cmocka_unit_test(a_value_has_no_control_characters),
        cmocka_unit_test(what_frames_a_message_is_the_handlers_own),
        cmocka_unit_test(who_is_calling_is_the_operators_to_say),
        cmocka_unit_test(a_line_is_split_at_its_first_colon),
        cmocka_unit_test(a_line_that_is_no_header_is_refused_in_words),
        cmocka_unit_test(text_out_of_a_row_cannot_break_a_line),
        cmocka_unit_test(a_list_grows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
