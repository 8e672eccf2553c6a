#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <jansson.h>

#include "protocol.h"

static struct dueq_job a_job(const char *payload, size_t len)
{
    return (struct dueq_job){ .size = sizeof(struct dueq_job),
                              .attempt = 3,
                              .max_attempts = 20,
                              .id = 812,
                              .message_id = "3f6c-812",
                              .source = "main",
                              .queue = "default",
                              .kind = "order.paid",
                              .payload = payload,
                              .payload_len = len,
                              .created_at_us = 1795336200250000,
                              .due_at_us = 1795336260000000,
                              .timeout_us = 2500000 };
}

/* The line read back, after a look at its shape. */
static json_t *encode(const struct dueq_job *job)
{
    char *line;
    size_t len;

    assert_int_equal(protocol_encode(job, &line, &len), 0);
    assert_ptr_equal(memchr(line, '\n', len), line + len - 1);
    json_t *json = json_loadb(line, len, JSON_ALLOW_NUL, NULL);
    free(line);
    assert_true(json_is_object(json));
    return json;
}

static const char *text_of(const json_t *json, const char *name)
{
    return json_string_value(json_object_get(json, name));
}

static void a_job_is_one_line_with_all_that_is_known_of_it(void **state)
{
    struct dueq_job job = a_job("{\"order\":42}", 12);
    (void) state;

    json_t *json = encode(&job);
    assert_int_equal(json_integer_value(json_object_get(json, "id")), 812);
    assert_string_equal(text_of(json, "message_id"), "3f6c-812");
    assert_string_equal(text_of(json, "source"), "main");
    assert_string_equal(text_of(json, "queue"), "default");
    assert_string_equal(text_of(json, "kind"), "order.paid");
    assert_int_equal(json_integer_value(json_object_get(json, "attempt")), 3);
    assert_int_equal(json_integer_value(json_object_get(json, "max_attempts")), 20);
    assert_true(json_real_value(json_object_get(json, "timeout")) == 2.5);
    assert_string_equal(text_of(json, "created_at"), "2026-11-22T08:30:00.250000Z");
    assert_string_equal(text_of(json, "due_at"), "2026-11-22T08:31:00.000000Z");
    assert_true(json_is_null(json_object_get(json, "headers")));
    assert_string_equal(text_of(json, "payload"), "{\"order\":42}");
    assert_int_equal(json_object_size(json), 12);
    json_decref(json);
}

static void a_payload_comes_through_byte_for_byte(void **state)
{
    char every[128 + 16];
    (void) state;

    for (int i = 0; i < 128; i++)
        every[i] = (char) i;
    memcpy(every + 128, "\xe4\xb8\xad\xf0\x9f\x98\x80\xc3\xbc\"\\\n\r\0\t\x7f", 16);
    struct dueq_job job = a_job(every, sizeof every);
    json_t *json = encode(&job);
    const json_t *payload = json_object_get(json, "payload");
    assert_int_equal(json_string_length(payload), sizeof every);
    assert_memory_equal(json_string_value(payload), every, sizeof every);
    json_decref(json);
}

static void an_empty_payload_is_an_empty_string(void **state)
{
    struct dueq_job job = a_job("", 0);
    (void) state;

    json_t *json = encode(&job);
    assert_string_equal(text_of(json, "payload"), "");
    json_decref(json);
}

static void a_payload_of_16_mib_of_quotes_is_encoded(void **state)
{
    size_t len = 16 << 20;
    char *payload = malloc(len);
    (void) state;

    memset(payload, '"', len);
    struct dueq_job job = a_job(payload, len);
    json_t *json = encode(&job);
    assert_int_equal(json_string_length(json_object_get(json, "payload")), len);
    json_decref(json);
    free(payload);
}

static void a_payload_that_is_not_utf8_is_refused(void **state)
{
    static const char *const bad[] = { "\xff", "a\xc3", "\xed\xa0\x80", "\xc0\x80", "\x80" };
    (void) state;

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct dueq_job job = a_job(bad[i], strlen(bad[i]));
        char *line = NULL;
        size_t len;
        assert_int_equal(protocol_encode(&job, &line, &len), -EILSEQ);
        assert_null(line);
    }
}

static void headers_are_the_producers_own_object_on_one_line(void **state)
{
    static const char headers[] = "{\n\t\"a\": 1.10,\r\n \"big\": 123456789012345678901234,\n"
                                  "\"text\": \"x\\ny\"}\n";
    struct dueq_job job = a_job("", 0);
    char *line;
    size_t len;
    (void) state;

    job.headers = headers;
    job.headers_len = strlen(headers);
    assert_int_equal(protocol_encode(&job, &line, &len), 0);
    assert_ptr_equal(memchr(line, '\n', len), line + len - 1);
    /* the numbers as they were written, which no parser of ours has been through */
    assert_non_null(memmem(line, len, "\"a\": 1.10,", 10));
    assert_non_null(memmem(line, len, "123456789012345678901234", 24));
    assert_non_null(memmem(line, len, "\"text\": \"x\\ny\"", 14));
    free(line);
}

static void what_ends_a_line_in_some_language_is_escaped(void **state)
{
    static const char text[] = "a\xe2\x80\xa8"
                               "b\xe2\x80\xa9"
                               "c\xc2\x85"
                               "d\r";
    static const char headers[] = "{\r\"a\xe2\x80\xa8\": \"b\xe2\x80\xa9\xc2\x85\"}";
    struct dueq_job job = a_job(text, sizeof text - 1);
    char *line;
    size_t len;
    (void) state;

    job.headers = headers;
    job.headers_len = strlen(headers);
    assert_int_equal(protocol_encode(&job, &line, &len), 0);
    assert_non_null(memmem(line, len, "\"a\\u2028b\\u2029c\\u0085d\\u000d\"", 26));
    for (size_t i = 0; i < len; i++)
        assert_in_range(line[i], i == len - 1 ? '\n' : ' ', '~');
    free(line);

    json_t *json = encode(&job);
    assert_string_equal(text_of(json, "payload"), text);
    assert_string_equal(text_of(json_object_get(json, "headers"), "a\xe2\x80\xa8"),
                        "b\xe2\x80\xa9\xc2\x85");
    json_decref(json);
}

static void headers_that_are_no_json_are_handed_on_as_a_string(void **state)
{
    static const struct {
        const char *bytes;
        size_t len;
        const char *expected;
    } cases[] = {
        { "{\"a\":", 5, "{\"a\":" },
        { "{}\n{\"outcome\":1}", 16, "{}\n{\"outcome\":1}" },
        { "nonsense\xff", 9, "nonsense?" },
        { "{\"a\":\"x\0y\"}", 11, "{\"a\":\"x y\"}" },
        { "", 0, "" },
    };
    (void) state;

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct dueq_job job = a_job("p", 1);
        job.headers = cases[i].bytes;
        job.headers_len = cases[i].len;
        json_t *json = encode(&job);
        assert_string_equal(text_of(json, "headers"), cases[i].expected);
        assert_string_equal(text_of(json, "payload"), "p");
        json_decref(json);
    }
}

static void headers_as_deep_as_a_well_do_no_harm(void **state)
{
    size_t len = 100000;
    char *deep = malloc(len);
    struct dueq_job job = a_job("p", 1);
    (void) state;

    memset(deep, '[', len);
    job.headers = deep;
    job.headers_len = len;
    json_t *json = encode(&job);
    assert_true(json_is_string(json_object_get(json, "headers")));
    json_decref(json);
    free(deep);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_job_is_one_line_with_all_that_is_known_of_it),
        cmocka_unit_test(a_payload_comes_through_byte_for_byte),
        cmocka_unit_test(an_empty_payload_is_an_empty_string),
        cmocka_unit_test(a_payload_of_16_mib_of_quotes_is_encoded),
        cmocka_unit_test(a_payload_that_is_not_utf8_is_refused),
        cmocka_unit_test(headers_are_the_producers_own_object_on_one_line),
        cmocka_unit_test(what_ends_a_line_in_some_language_is_escaped),
        cmocka_unit_test(headers_that_are_no_json_are_handed_on_as_a_string),
        cmocka_unit_test(headers_as_deep_as_a_well_do_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
