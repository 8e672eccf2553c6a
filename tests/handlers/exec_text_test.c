#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "exit_status.h"
#include "stderr_log.h"
#include "text.h"

/* ---- text ---- */

static void bytes_that_are_no_character_become_question_marks_one_for_one(void **state)
{
    static const struct {
        const char *in, *out;
    } cases[] = {
        { "plain", "plain" },
        { "\xe4\xb8\xad\xe6\x96\x87", "\xe4\xb8\xad\xe6\x96\x87" },
        { "a\xff\x62", "a?b" },
        { "cut \xe4\xb8", "cut ??" },
        { "\xc0\xaf", "??" },           /* overlong */
        { "\xed\xa0\x80", "???" },      /* a surrogate */
        { "\xf4\x90\x80\x80", "????" }, /* beyond U+10FFFF */
        { "\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80" },
        { "\xe0\x80\x80", "???" },
        { "\xf0\x80\x80\x80", "????" },
        { "\x1b[31mred\r\n\tx\x7f", " [31mred \n\tx " },
    };
    (void) state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[32];
        snprintf(text, sizeof text, "%s", cases[i].in);
        text_clean(text, strlen(text));
        assert_string_equal(text, cases[i].out);
    }
}

static void a_tail_keeps_the_last_bytes_however_they_came(void **state)
{
    struct tail tail;
    (void) state;

    assert_int_equal(tail_init(&tail, 5), 0);
    tail_add(&tail, "abc", 3);
    assert_false(tail.cut);
    assert_memory_equal(tail.bytes, "abc", 3);
    tail_add(&tail, "def", 3);
    assert_true(tail.cut);
    assert_int_equal(tail.len, 5);
    assert_memory_equal(tail.bytes, "bcdef", 5);
    tail_add(&tail, "0123456789", 10);
    assert_int_equal(tail.len, 5);
    assert_memory_equal(tail.bytes, "56789", 5);
    tail_clear(&tail);
    tail_add(&tail, "abcde", 5);
    assert_false(tail.cut);
    assert_memory_equal(tail.bytes, "abcde", 5);
    tail_done(&tail);
}

static void a_tail_of_no_bytes_keeps_nothing(void **state)
{
    struct tail tail;
    (void) state;

    assert_int_equal(tail_init(&tail, 0), 0);
    tail_add(&tail, "abc", 3);
    assert_int_equal(tail.len, 0);
    tail_done(&tail);
}

static char *message(size_t size, const char *words, const char *said, size_t len, bool cut)
{
    static char text[64];
    struct dueq_result result = { .message = text, .message_size = (uint32_t) size };

    message_set(&result, "%s", words);
    message_add_end_of(&result, said, len, cut);
    assert_in_range(strlen(text), 0, size - 1);
    return text;
}

static void a_message_ends_with_the_end_of_what_was_said(void **state)
{
    (void) state;
    assert_string_equal(message(64, "status 1", "no such user\n\n", 14, false),
                        "status 1: no such user");
    assert_string_equal(message(64, "status 1", "such user", 9, true), "status 1: ...such user");
    assert_string_equal(message(20, "status 1", "0123456789", 10, false), "status 1: ...456789");
}

static void a_message_is_never_cut_within_a_character(void **state)
{
    (void) state;
    /* room for five bytes behind the dots: the first that fits whole begins two later */
    assert_string_equal(message(19, "status 1", "\xe4\xb8\xad\xe6\x96\x87\xe4\xb8\xad", 9, false),
                        "status 1: ...\xe4\xb8\xad");
    assert_string_equal(message(64, "status 1", "\xb8\xad!", 3, true), "status 1: ...!");
}

static void a_message_with_no_room_is_left_as_it_is(void **state)
{
    (void) state;
    assert_string_equal(message(10, "status 1", "no such user", 12, false), "status 1");
    assert_string_equal(message(64, "status 1", " \n", 2, false), "status 1");
}

static void times_are_written_in_utc_and_seconds_without_needless_zeros(void **state)
{
    char text[TEXT_TIME_SIZE];
    (void) state;

    assert_string_equal(text_time(0, text), "1970-01-01T00:00:00.000000Z");
    assert_string_equal(text_time(1795336200250000, text), "2026-11-22T08:30:00.250000Z");
    assert_string_equal(text_time(-1, text), "1969-12-31T23:59:59.999999Z");
    text_time(INT64_MIN, text);
    text_time(INT64_MAX, text);
    assert_string_equal(text_seconds(30000000, text), "30");
    assert_string_equal(text_seconds(250000, text), "0.25");
    assert_string_equal(text_seconds(100000000, text), "100");
    assert_string_equal(text_seconds(0, text), "0");
    assert_string_equal(text_seconds(-5, text), "0");
}

/* ---- exit status ---- */

static void exit_statuses_are_judged_after_sysexits(void **state)
{
    static const int dead[] = { 64, 65, 66, 67, 68, 77, 78 };
    (void) state;

    for (int status = 0; status < 256; status++) {
        int32_t expected = status == 0 ? DUEQ_DONE : DUEQ_RETRY;
        for (size_t i = 0; i < sizeof dead / sizeof dead[0]; i++)
            if (status == dead[i])
                expected = DUEQ_DEAD;
        assert_int_equal(exit_status_outcome(status << 8), expected);
    }
    assert_int_equal(exit_status_outcome(9), DUEQ_RETRY);
    assert_int_equal(exit_status_outcome(EXIT_STATUS_LOST), DUEQ_RETRY);
}

static void an_exit_is_described_by_its_name(void **state)
{
    char text[64];
    (void) state;

    assert_string_equal(exit_status_describe(65 << 8, text, sizeof text),
                        "exit status 65 (EX_DATAERR)");
    assert_string_equal(exit_status_describe(3 << 8, text, sizeof text), "exit status 3");
    assert_string_equal(exit_status_describe(9, text, sizeof text), "killed by signal 9 (SIGKILL)");
    assert_string_equal(exit_status_describe(11 | 0x80, text, sizeof text),
                        "killed by signal 11 (SIGSEGV), core dumped");
    assert_string_equal(exit_status_describe(EXIT_STATUS_LOST, text, sizeof text),
                        "ended, but its exit status was lost");
}

/* ---- stderr of children, in the log ---- */

static char logged[65536];

static void remember(const struct dueq_host *host, enum dueq_log_level level, const char *format,
                     ...)
{
    size_t len = strlen(logged);
    va_list args;

    (void) host;
    assert_int_equal(level, DUEQ_LOG_INFO);
    va_start(args, format);
    vsnprintf(logged + len, sizeof logged - len, format, args);
    va_end(args);
    len = strlen(logged);
    snprintf(logged + len, sizeof logged - len, "|");
}

static const struct dueq_host host = { .log = remember };

static void add(struct stderr_log *log, const char *text, int64_t now_us)
{
    stderr_log_add(log, &host, 5, text, strlen(text), now_us);
}

static void stderr_becomes_lines_however_it_was_written(void **state)
{
    struct stderr_log log = { 0 };
    (void) state;

    logged[0] = '\0';
    add(&log, "one\ntw", 1);
    add(&log, "o\r\n\n\xff\n", 1);
    add(&log, "unended", 1);
    assert_string_equal(logged, "one pid=5|two pid=5|? pid=5|");
    stderr_log_end(&log, &host, 5);
    assert_string_equal(logged, "one pid=5|two pid=5|? pid=5|unended pid=5|");
}

static void a_line_without_end_is_cut_and_the_next_one_is_whole(void **state)
{
    struct stderr_log log = { 0 };
    char *expected = malloc(4096);
    (void) state;

    logged[0] = '\0';
    for (int i = 0; i < 100000; i++)
        add(&log, "x", 1);
    add(&log, "\nnext\n", 1);
    memset(expected, 'x', sizeof log.line);
    strcpy(expected + sizeof log.line, "... pid=5|next pid=5|");
    assert_string_equal(logged, expected);
    free(expected);
}

static void a_flood_of_lines_is_counted_instead_of_logged(void **state)
{
    struct stderr_log log = { 0 };
    size_t lines = 0;
    (void) state;

    logged[0] = '\0';
    for (int i = 0; i < STDERR_LOG_LINES + 80; i++)
        add(&log, "x\n", 5000000);
    for (const char *at = logged; (at = strchr(at, '|')); at++)
        lines++;
    assert_int_equal(lines, STDERR_LOG_LINES);
    logged[0] = '\0';
    add(&log, "later\n", 6000000);
    assert_string_equal(logged,
                        "80 more lines of a child's stderr were left out pid=5|later pid=5|");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_that_are_no_character_become_question_marks_one_for_one),
        cmocka_unit_test(a_tail_keeps_the_last_bytes_however_they_came),
        cmocka_unit_test(a_tail_of_no_bytes_keeps_nothing),
        cmocka_unit_test(a_message_ends_with_the_end_of_what_was_said),
        cmocka_unit_test(a_message_is_never_cut_within_a_character),
        cmocka_unit_test(a_message_with_no_room_is_left_as_it_is),
        cmocka_unit_test(times_are_written_in_utc_and_seconds_without_needless_zeros),
        cmocka_unit_test(exit_statuses_are_judged_after_sysexits),
        cmocka_unit_test(an_exit_is_described_by_its_name),
        cmocka_unit_test(stderr_becomes_lines_however_it_was_written),
        cmocka_unit_test(a_line_without_end_is_cut_and_the_next_one_is_whole),
        cmocka_unit_test(a_flood_of_lines_is_counted_instead_of_logged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
