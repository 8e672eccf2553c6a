#include "output.h"

#include <locale.h>
#include <string.h>

#include "fail.h"

/* What stands between a row and a person's terminal. */

static const char *escaped(const char *text, size_t len)
{
    static struct buffer out;
    buffer_clear(&out);
    output_escape(&out, text, len);
    return out.bytes ? out.bytes : "";
}

static void plain_text_stays_as_it_is(void **state)
{
    (void) state;
    static const char text[] = "order.paid {\"a\": \"b\\n\"} 订单 Ünïcödé 🙂";
    assert_string_equal(escaped(text, sizeof text - 1), text);
}

static void what_moves_the_cursor_is_spelled_out(void **state)
{
    (void) state;
    assert_string_equal(escaped("a\033[2Jb\r\n\t\bc\x7f", 12), "a\\x1b[2Jb\\r\\n\\t\\x08c\\x7f");
    assert_string_equal(escaped("a\0b", 3), "a\\x00b");
}

static void a_c1_control_and_a_change_of_direction_are_spelled_out(void **state)
{
    (void) state;
    assert_string_equal(escaped("\xc2\x9b"
                                "31m",
                                5),
                        "\\u009b31m");
    assert_string_equal(escaped("\xe2\x80\xae"
                                "gpj.exe",
                                10),
                        "\\u202egpj.exe");
    assert_string_equal(escaped("\xef\xbb\xbf", 3), "\\ufeff");
    assert_string_equal(escaped("\xf3\xa0\x81\x81", 4), "\\U000e0041");
}

static void bytes_that_are_no_character_are_spelled_out_one_by_one(void **state)
{
    (void) state;
    assert_string_equal(escaped("\xff\xc3(\xe4\xb8", 5), "\\xff\\xc3(\\xe4\\xb8");
}

static void a_line_of_the_text_stays_behind_its_indent(void **state)
{
    (void) state;
    struct buffer out = { 0 };
    output_escape_lines(&out, "  | ", "one\n\033two\n", 9);
    assert_string_equal(out.bytes, "  | one\n  | \\x1btwo\n");
    buffer_clear(&out);
    output_escape_lines(&out, "  | ", "", 0);
    assert_string_equal(out.bytes, "  | \n");
    buffer_done(&out);
}

static void the_width_is_that_on_a_terminal(void **state)
{
    (void) state;
    assert_int_equal(output_width("abc"), 3);
    assert_int_equal(output_width("订单"), 4);
    assert_int_equal(output_width("é"), 1);
    assert_int_equal(output_width("e\xcc\x81"), 1); /* a letter and a combining accent */
}

static void a_long_text_is_cut_between_two_characters(void **state)
{
    (void) state;
    struct buffer text = { 0 };
    buffer_append_text(&text, "abcdef");
    output_cut(&text, 6);
    assert_string_equal(text.bytes, "abcdef");
    output_cut(&text, 5);
    assert_string_equal(text.bytes, "abcd…");
    buffer_clear(&text);
    buffer_append_text(&text, "订单订单");
    output_cut(&text, 6);
    assert_string_equal(text.bytes, "订单…"); /* five columns: a third character has no room */
    buffer_done(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_text_stays_as_it_is),
        cmocka_unit_test(what_moves_the_cursor_is_spelled_out),
        cmocka_unit_test(a_c1_control_and_a_change_of_direction_are_spelled_out),
        cmocka_unit_test(bytes_that_are_no_character_are_spelled_out_one_by_one),
        cmocka_unit_test(a_line_of_the_text_stays_behind_its_indent),
        cmocka_unit_test(the_width_is_that_on_a_terminal),
        cmocka_unit_test(a_long_text_is_cut_between_two_characters),
    };
    setlocale(LC_CTYPE, "C.UTF-8");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
