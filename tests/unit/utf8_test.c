#include "utf8.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

static size_t character(const char *text)
{
    return utf8_character(text, strlen(text));
}

static void the_first_and_last_character_of_each_length_are_well_formed(void **state)
{
    (void) state;
    assert_int_equal(utf8_character("\0", 1), 1);
    assert_int_equal(character("\x7f"), 1);
    assert_int_equal(character("\xc2\x80"), 2);
    assert_int_equal(character("\xdf\xbf"), 2);
    assert_int_equal(character("\xe0\xa0\x80"), 3);
    assert_int_equal(character("\xed\x9f\xbf"), 3);
    assert_int_equal(character("\xee\x80\x80"), 3);
    assert_int_equal(character("\xef\xbf\xbf"), 3);
    assert_int_equal(character("\xf0\x90\x80\x80"), 4);
    assert_int_equal(character("\xf4\x8f\xbf\xbf"), 4);
    assert_int_equal(character("\xe4\xbd\xa0 and more"), 3);
}

static void what_rfc_3629_forbids_is_no_character(void **state)
{
    (void) state;
    assert_int_equal(utf8_character("a", 0), 0);
    static const char *const bad[] = {
        "\x80",
        "\xbf",
        "\xc0\x80",
        "\xc1\xbf", /* alone, overlong */
        "\xe0\x9f\xbf",
        "\xf0\x8f\xbf\xbf", /* overlong */
        "\xed\xa0\x80",
        "\xed\xbf\xbf", /* surrogates */
        "\xf4\x90\x80\x80",
        "\xf5\x80\x80\x80",
        "\xfe",
        "\xff", /* beyond U+10FFFF */
        "\xc2",
        "\xe4\xbd",
        "\xf0\x9f\x98", /* cut off */
        "\xc2x",
        "\xe4x\xa0",
        "\xe4\xbdx",
        "\xf0x\x98\x80",
        "\xf0\x9fx\x80",
        "\xf0\x9f\x98x",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(character(bad[i]), 0);
}

static void nothing_behind_the_given_length_is_read(void **state)
{
    (void) state;
    assert_int_equal(utf8_character("\xc2\x80", 1), 0);
    assert_int_equal(utf8_character("\xe4\xbd\xa0", 2), 0);
    assert_int_equal(utf8_character("\xf0\x9f\x98\x80", 3), 0);
}

static void scrubbing_keeps_what_is_valid(void **state)
{
    (void) state;
    char out[64];
    const char *text = "gr\xc3\xbc\xc3\x9f \xe4\xbd\xa0 \xf0\x9f\x98\x80\n";
    assert_int_equal(utf8_scrub(text, strlen(text), out, sizeof out), strlen(text));
    assert_string_equal(out, text);
}

static void scrubbing_replaces_each_byte_that_is_not(void **state)
{
    (void) state;
    char out[64];
    assert_int_equal(utf8_scrub("a\xff\xe4\xbd"
                                "b\0c",
                                7, out, sizeof out),
                     1 + 9 + 3);
    assert_string_equal(out, "a\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"
                             "b c");
}

static void what_does_not_fit_is_cut_between_two_characters(void **state)
{
    (void) state;
    char out[8];
    memset(out, 'x', sizeof out);
    assert_int_equal(utf8_scrub("ab\xe4\xbd\xa0", 5, out, 5), 2);
    assert_string_equal(out, "ab");
    assert_int_equal(utf8_scrub("ab\xe4\xbd\xa0", 5, out, 6), 5);
    assert_string_equal(out, "ab\xe4\xbd\xa0");
    assert_int_equal(utf8_scrub("\xff", 1, out, 3), 0); /* nor is a replacement cut */
    assert_int_equal(utf8_scrub("abc", 3, out, 1), 0);
    assert_string_equal(out, "");
    out[0] = 'x';
    assert_int_equal(utf8_scrub("abc", 3, out, 0), 0);
    assert_int_equal(out[0], 'x');
}

static void any_bytes_come_out_as_valid_utf8(void **state)
{
    (void) state;
    char in[3], out[16];
    for (int a = 0; a < 256; a++)
        for (int b = 0; b < 256; b++) {
            in[0] = (char) a;
            in[1] = (char) b;
            in[2] = (char) 0xa0;
            size_t len = utf8_scrub(in, sizeof in, out, sizeof out);
            assert_int_equal(strlen(out), len);
            for (size_t i = 0; i < len;) {
                size_t n = utf8_character(out + i, len - i);
                assert_true(n > 0);
                i += n;
            }
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_and_last_character_of_each_length_are_well_formed),
        cmocka_unit_test(what_rfc_3629_forbids_is_no_character),
        cmocka_unit_test(nothing_behind_the_given_length_is_read),
        cmocka_unit_test(scrubbing_keeps_what_is_valid),
        cmocka_unit_test(scrubbing_replaces_each_byte_that_is_not),
        cmocka_unit_test(what_does_not_fit_is_cut_between_two_characters),
        cmocka_unit_test(any_bytes_come_out_as_valid_utf8),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
