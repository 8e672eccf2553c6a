#include "response.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "dueq_handler.h"
#include "lookup_gate.h"
#include "scrub.h"
#include "status.h"

static bool line(struct response *response, const char *text)
{
    return response_head_line(response, text, strlen(text));
}

static void every_status_has_its_outcome(void **state)
{
    (void) state;
    for (long status = 0; status < 1000; status++) {
        enum dueq_outcome expected = DUEQ_RETRY;
        if (status >= 200 && status < 300)
            expected = DUEQ_DONE;
        else if (status >= 300 && status < 500)
            expected = status == 408 || status == 425 || status == 429 ? DUEQ_RETRY : DUEQ_DEAD;
        if (status_outcome(status) != expected)
            fail_msg("%ld: expected %d, got %d", status, expected, status_outcome(status));
    }
}

static void the_last_head_counts(void **state)
{
    (void) state;
    struct response response;
    response_init(&response, 16);
    assert_true(line(&response, "HTTP/1.1 103 Early Hints\r\n"));
    assert_true(line(&response, "Retry-After: 5\r\n"));
    assert_true(line(&response, "\r\n"));
    assert_true(response.head_done);
    assert_true(line(&response, "HTTP/2 503 \r\n"));
    assert_false(response.head_done);
    assert_string_equal(response.retry_after, "");
    assert_true(line(&response, "RETRY-AFTER:\t 120 \r\n"));
    assert_true(line(&response, "date:now\r\n"));
    assert_true(line(&response, "Location: /there\r\n"));
    assert_true(line(&response, "Date-Of-Birth: x\r\n"));
    assert_true(line(&response, "\r\n"));
    assert_int_equal(response.status, 503);
    assert_string_equal(response.retry_after, "120");
    assert_string_equal(response.date, "now");
    assert_string_equal(response.location, "/there");
    assert_true(line(&response, "Retry-After: 7\r\n")); /* a trailer */
    assert_string_equal(response.retry_after, "120");
    response_done(&response);
}

static void a_value_that_does_not_fit_is_as_if_absent(void **state)
{
    (void) state;
    struct response response;
    response_init(&response, 16);
    char text[4096] = "Retry-After: ";
    memset(text + strlen(text), '1', 3000);
    assert_true(line(&response, "HTTP/1.1 503 x"));
    assert_true(response_head_line(&response, text, 3000));
    assert_string_equal(response.retry_after, "");
    assert_true(response_head_line(&response, "Date: a\0b", 9));
    assert_string_equal(response.date, "");
    response_done(&response);
}

static void a_head_without_an_end_is_stopped(void **state)
{
    (void) state;
    struct response response;
    response_init(&response, 16);
    assert_true(line(&response, "HTTP/1.1 200 OK\r\n"));
    size_t lines = 0;
    while (line(&response, "X-Padding: 0123456789\r\n"))
        assert_true(++lines < RESPONSE_HEAD_MAX);
    assert_true(response.head_too_long);
    response_done(&response);
}

static void the_end_of_a_failures_body_is_kept(void **state)
{
    (void) state;
    struct response response;
    response_init(&response, 8);
    assert_true(line(&response, "HTTP/1.1 500 x\r\n"));
    assert_true(response_body(&response, "abc", 3));
    assert_true(response_body(&response, "", 0));
    assert_int_equal(response.tail_len, 3);
    assert_true(response_body(&response, "defghij", 7));
    assert_memory_equal(response.tail, "cdefghij", 8);
    assert_true(response_body(&response, "0123456789ABCDEF", 16));
    assert_memory_equal(response.tail, "89ABCDEF", 8);
    assert_true(response_body(&response, "!", 1));
    assert_int_equal(response.tail_len, 8);
    assert_memory_equal(response.tail, "9ABCDEF!", 8);
    response_done(&response);
}

static void a_successs_body_is_not_kept(void **state)
{
    (void) state;
    struct response response;
    response_init(&response, 8);
    assert_true(line(&response, "HTTP/1.1 204 x\r\n"));
    assert_true(response_body(&response, "abc", 3));
    assert_int_equal(response.tail_len, 0);
    assert_null(response.tail);
    response_done(&response);
}

static void a_body_without_an_end_is_stopped(void **state)
{
    (void) state;
    struct response response;
    static const char block[1024];
    response_init(&response, 0);
    assert_true(line(&response, "HTTP/1.1 500 x\r\n"));
    for (int i = 0; i < RESPONSE_BODY_MAX / 1024; i++)
        assert_true(response_body(&response, block, sizeof block));
    assert_false(response.body_enough);
    assert_false(response_body(&response, block, 1));
    assert_true(response.body_enough);
    response_done(&response);
}

static void scrubbed_text_has_no_control_characters(void **state)
{
    (void) state;
    char out[64];
    assert_int_equal(scrub_text("\r\n a\0\t\x1b[2J \xc2\x9b"
                                "b\x7f",
                                15, out, sizeof out),
                     7);
    assert_string_equal(out, "a [2J b");
    assert_int_equal(scrub_text("", 0, out, sizeof out), 0);
    assert_int_equal(scrub_text(" \n ", 3, out, sizeof out), 0);
    assert_int_equal(scrub_text("\xc2", 1, out, sizeof out), 1); /* dueqd replaces it */
    assert_int_equal(scrub_text("\xc3\xa4", 2, out, sizeof out), 2);
}

static void scrubbed_text_is_cut_to_fit(void **state)
{
    (void) state;
    char out[4];
    assert_int_equal(scrub_text("abcdef", 6, out, sizeof out), 3);
    assert_string_equal(out, "abc");
    assert_int_equal(scrub_text("ab cd", 5, out, sizeof out), 2); /* no space at its end */
    assert_string_equal(out, "ab");
    assert_int_equal(scrub_text("abc", 3, out, 1), 0);
    assert_string_equal(out, "");
}

static void a_url_loses_its_password(void **state)
{
    (void) state;
    static const char *const urls[][2] = {
        { "https://user:pass@shop.example/a@b", "https://shop.example/a@b" },
        { "https://user:p@ss@shop.example", "https://shop.example" },
        { "//user@shop.example/", "//shop.example/" },
        { "https://shop.example/?mail=a@b", "https://shop.example/?mail=a@b" },
        { "/relative@path", "/relative@path" },
        { "", "" },
    };
    for (size_t i = 0; i < sizeof urls / sizeof urls[0]; i++) {
        char url[64];
        strcpy(url, urls[i][0]);
        scrub_userinfo(url);
        assert_string_equal(url, urls[i][1]);
    }
}

static void the_gate_lets_a_few_ask_and_all_through_once_one_knows(void **state)
{
    (void) state;
    struct lookup_gate gate = { 0 };
    const int64_t now_us = 1000000000;
    size_t entered = 0;
    for (; lookup_gate_open(&gate, now_us) && entered < 10000; entered++)
        lookup_gate_enter(&gate);
    assert_int_equal(entered, LOOKUPS_AT_ONCE);

    lookup_gate_leave(&gate); /* one failed: another may ask */
    assert_true(lookup_gate_open(&gate, now_us));
    lookup_gate_enter(&gate);
    assert_false(lookup_gate_open(&gate, now_us));

    lookup_gate_resolved(&gate, now_us);
    assert_true(lookup_gate_open(&gate, now_us));
    assert_true(lookup_gate_open(&gate, now_us + 49000000));
    assert_false(lookup_gate_open(&gate, now_us + 60000000)); /* the cache has forgotten */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_status_has_its_outcome),
        cmocka_unit_test(the_last_head_counts),
        cmocka_unit_test(a_value_that_does_not_fit_is_as_if_absent),
        cmocka_unit_test(a_head_without_an_end_is_stopped),
        cmocka_unit_test(the_end_of_a_failures_body_is_kept),
        cmocka_unit_test(a_successs_body_is_not_kept),
        cmocka_unit_test(a_body_without_an_end_is_stopped),
        cmocka_unit_test(scrubbed_text_has_no_control_characters),
        cmocka_unit_test(scrubbed_text_is_cut_to_fit),
        cmocka_unit_test(a_url_loses_its_password),
        cmocka_unit_test(the_gate_lets_a_few_ask_and_all_through_once_one_knows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
