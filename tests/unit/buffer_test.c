#include "buffer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

static void appended_bytes_stand_one_after_the_other_with_a_nul_behind_them(void **state)
{
    (void) state;
    struct buffer buffer = { 0 };
    buffer_append_text(&buffer, "one");
    buffer_append_char(&buffer, ' ');
    buffer_append(&buffer, "t\0o", 3);
    buffer_append(&buffer, NULL, 0);
    assert_int_equal(buffer.len, 7);
    assert_memory_equal(buffer.bytes, "one t\0o", 8);
    assert_false(buffer.failed);
    buffer_done(&buffer);
    assert_null(buffer.bytes);
}

static void an_append_of_nothing_makes_an_empty_string(void **state)
{
    (void) state;
    struct buffer buffer = { 0 };
    buffer_append_text(&buffer, "");
    assert_string_equal(buffer.bytes, "");
    buffer_done(&buffer);
}

static void it_grows_as_far_as_it_must(void **state)
{
    (void) state;
    struct buffer buffer = { 0 };
    for (int i = 0; i < 100000; i++)
        buffer_append_char(&buffer, (char) ('a' + i % 26));
    assert_int_equal(buffer.len, 100000);
    assert_int_equal(strlen(buffer.bytes), 100000);
    for (int i = 0; i < 100000; i++)
        assert_int_equal(buffer.bytes[i], 'a' + i % 26);
    buffer_done(&buffer);
}

static void clearing_keeps_the_memory_for_the_next_round(void **state)
{
    (void) state;
    struct buffer buffer = { 0 };
    buffer_clear(&buffer);
    buffer_append_text(&buffer, "first round");
    const char *memory = buffer.bytes;
    buffer_clear(&buffer);
    assert_string_equal(buffer.bytes, "");
    buffer_append_text(&buffer, "second");
    assert_ptr_equal(buffer.bytes, memory);
    assert_string_equal(buffer.bytes, "second");
    buffer_done(&buffer);
}

static void numbers_are_written_to_their_limits(void **state)
{
    (void) state;
    struct buffer buffer = { 0 };
    buffer_append_u64(&buffer, 0);
    buffer_append_char(&buffer, ' ');
    buffer_append_u64(&buffer, UINT64_MAX);
    buffer_append_char(&buffer, ' ');
    buffer_append_i64(&buffer, INT64_MIN);
    buffer_append_char(&buffer, ' ');
    buffer_append_i64(&buffer, INT64_MAX);
    buffer_append_char(&buffer, ' ');
    buffer_append_i64(&buffer, -1);
    assert_string_equal(buffer.bytes,
                        "0 18446744073709551615 -9223372036854775808 9223372036854775807 -1");
    buffer_done(&buffer);
}

static void a_format_may_be_longer_than_what_there_is_room_for(void **state)
{
    (void) state;
    struct buffer buffer = { 0 };
    buffer_append_text(&buffer, "x=");
    buffer_append_format(&buffer, "%1000d|%s", 7, "end");
    assert_int_equal(buffer.len, 2 + 1000 + 4);
    assert_string_equal(buffer.bytes + 1000, " 7|end");
    buffer_append_format(&buffer, "%s", "");
    assert_int_equal(buffer.len, 2 + 1000 + 4);
    buffer_done(&buffer);
}

static void json_escapes_what_json_wants_escaped(void **state)
{
    (void) state;
    struct buffer buffer = { 0 };
    static const char text[] = "say \"hi\" \\ \n\t\x01\x7f \xe4\xbd\xa0/\0.";
    buffer_append_json(&buffer, text, sizeof text - 1);
    assert_string_equal(buffer.bytes, "\"say \\\"hi\\\" \\\\ \\u000a\\u0009\\u0001\\u007f "
                                      "\xe4\xbd\xa0/\\u0000.\"");
    buffer_done(&buffer);
}

static void what_the_caller_fills_in_is_followed_by_a_nul_too(void **state)
{
    (void) state;
    struct buffer buffer = { 0 };
    buffer_append(&buffer, "0123456789", 10);
    buffer_clear(&buffer);
    char *room = buffer_reserve(&buffer, 3);
    assert_non_null(room);
    memcpy(room, "abc", 3);
    buffer.len += 3;
    assert_string_equal(buffer.bytes, "abc");
    buffer_done(&buffer);
}

static void after_it_ran_out_of_memory_every_append_does_nothing(void **state)
{
    (void) state;
    struct buffer buffer = { 0 };
    buffer_append_text(&buffer, "kept");
    assert_null(buffer_reserve(&buffer, SIZE_MAX));
    assert_true(buffer.failed);
    buffer_append_text(&buffer, " lost");
    buffer_append_format(&buffer, "%d", 1);
    buffer_append_json(&buffer, "x", 1);
    buffer_append_u64(&buffer, 1);
    assert_string_equal(buffer.bytes, "kept");
    buffer_clear(&buffer);
    assert_false(buffer.failed);
    buffer_append_text(&buffer, "again");
    assert_string_equal(buffer.bytes, "again");
    buffer_done(&buffer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(appended_bytes_stand_one_after_the_other_with_a_nul_behind_them),
        cmocka_unit_test(an_append_of_nothing_makes_an_empty_string),
        cmocka_unit_test(it_grows_as_far_as_it_must),
        cmocka_unit_test(clearing_keeps_the_memory_for_the_next_round),
        cmocka_unit_test(numbers_are_written_to_their_limits),
        cmocka_unit_test(a_format_may_be_longer_than_what_there_is_room_for),
        cmocka_unit_test(json_escapes_what_json_wants_escaped),
        cmocka_unit_test(what_the_caller_fills_in_is_followed_by_a_nul_too),
        cmocka_unit_test(after_it_ran_out_of_memory_every_append_does_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
