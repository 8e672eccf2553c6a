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

/* ---- answers ---- */

static char message[1024];
static struct dueq_result result;

static int32_t decode_bytes(const char *line, size_t len)
{
    struct dueq_job job = a_job("", 0);
    /* in memory of its own, so that a sanitizer sees a byte too far */
    char *copy = malloc(len ? len : 1);

    memcpy(copy, line, len);
    strcpy(message, "untouched");
    result = (struct dueq_result){
        .size = sizeof result, .message = message, .message_size = sizeof message, .delay_us = -1
    };
    int32_t outcome = protocol_decode(copy, len, &job, &result);
    free(copy);
    return outcome;
}

static int32_t decode(const char *line)
{
    return decode_bytes(line, strlen(line));
}

static void each_outcome_is_understood(void **state)
{
    (void) state;
    assert_int_equal(decode("{\"outcome\":\"done\"}"), DUEQ_DONE);
    assert_string_equal(message, "");
    assert_int_equal(decode("{\"outcome\":\"retry\",\"message\":\"busy\"}"), DUEQ_RETRY);
    assert_string_equal(message, "busy");
    assert_int_equal(result.delay_us, -1);
    assert_int_equal(decode(" {\"message\":\"no\", \"outcome\":\"dead\", \"more\":[1]} \r"),
                     DUEQ_DEAD);
    assert_string_equal(message, "no");
    assert_int_equal(decode("{\"outcome\":\"snooze\"}"), DUEQ_SNOOZE);
    assert_int_equal(result.delay_us, -1);
}

static void a_delay_is_a_duration_or_a_number_of_seconds(void **state)
{
    static const struct {
        const char *json;
        int64_t us;
    } cases[] = {
        { "\"30s\"", 30000000 },
        { "\"1h30m\"", 5400000000 },
        { "\"0\"", 0 },
        { "\"250ms\"", 250000 },
        { "\"7us\"", 7 },
        { "\"366d\"", 31622400000000 },
        { "30", 30000000 },
        { "0.25", 250000 },
        { "0", 0 },
        { "1e3", 1000000000 },
        { "null", -1 },
    };
    char line[100];
    (void) state;

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        snprintf(line, sizeof line, "{\"outcome\":\"snooze\",\"delay\":%s}", cases[i].json);
        assert_int_equal(decode(line), DUEQ_SNOOZE);
        assert_int_equal(result.delay_us, cases[i].us);
        snprintf(line, sizeof line, "{\"outcome\":\"retry\",\"delay\":%s}", cases[i].json);
        assert_int_equal(decode(line), DUEQ_RETRY);
        assert_int_equal(result.delay_us, cases[i].us);
    }
}

static void a_delay_that_is_none_makes_no_answer(void **state)
{
    static const char *const delays[] = {
        "\"\"",
        "\"30\"",
        "\"s\"",
        "\"-1s\"",
        "\"1 s\"",
        "\"1.5s\"",
        "\"367d\"",
        "\"1s \"",
        "\"1w\"",
        "-1",
        "1e300",
        "1e9",
        "true",
        "[]",
        "\"99999999999999999999s\"",
        "\"9223372036854775807d\"",
        "\"366d1us\"",
    };
    char line[100];
    (void) state;

    for (size_t i = 0; i < sizeof delays / sizeof delays[0]; i++) {
        snprintf(line, sizeof line, "{\"outcome\":\"snooze\",\"delay\":%s}", delays[i]);
        assert_int_equal(decode(line), PROTOCOL_INVALID);
        assert_non_null(strstr(message, "delay"));
        assert_int_equal(result.delay_us, -1);
        /* but a job that is done stays done */
        snprintf(line, sizeof line, "{\"outcome\":\"done\",\"delay\":%s}", delays[i]);
        assert_int_equal(decode(line), DUEQ_DONE);
    }
}

static void what_is_no_answer_is_shown(void **state)
{
    static const char *const lines[] = {
        "",
        "done",
        "\"done\"",
        "null",
        "[]",
        "{}",
        "{\"outcome\":",
        "{\"outcome\":\"done\"",
        "{\"outcome\":\"done\"}}",
        "{\"outcome\":\"done\"}{}",
        "{\"outcome\":\"Done\"}",
        "{\"outcome\":\"pending\"}",
        "{\"outcome\":0}",
        "{\"outcome\":null}",
        "{\"outcome\":[\"done\"]}",
        "{\"outcome\":\"done\",\"outcome\":\"dead\"}",
        "{\"outcome\":\"done\\u0000\\ud800\"}",
        "{\"outcome\":\"done\",\"x\":\"\xff\"}",
        "PHP Warning:  Undefined variable $x in /srv/mail.php on line 3",
    };
    (void) state;

    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        assert_int_equal(decode(lines[i]), PROTOCOL_INVALID);
        assert_non_null(strstr(message, "the child's answer "));
        if (!strchr(lines[i], '\xff'))
            assert_string_equal(strstr(message, ": ") + 2, lines[i]);
    }
}

static void an_outcome_with_a_nul_in_it_is_none(void **state)
{
    (void) state;
    assert_int_equal(decode("{\"outcome\":\"done\\u0000dead\"}"), PROTOCOL_INVALID);
    assert_int_equal(decode("{\"outcome\":\"snooze\",\"delay\":\"1s\\u0000x\"}"), PROTOCOL_INVALID);
    assert_int_equal(decode_bytes("{\"outcome\":\0\"done\"}", 19), PROTOCOL_INVALID);
}

static void a_long_line_is_shown_in_part_and_made_harmless(void **state)
{
    char line[5000];
    (void) state;

    memset(line, '\xff', sizeof line);
    line[1] = '\0';
    line[2] = '\x1b';
    assert_int_equal(decode_bytes(line, sizeof line), PROTOCOL_INVALID);
    assert_in_range(strlen(message), 300, 400);
    assert_non_null(strstr(message, ": ?  ??"));
    assert_string_equal(message + strlen(message) - 3, "...");
}

static void an_answer_as_deep_as_a_well_is_none(void **state)
{
    char *line = malloc(PROTOCOL_ANSWER_SIZE);
    (void) state;

    memset(line, '[', PROTOCOL_ANSWER_SIZE);
    assert_int_equal(decode_bytes(line, PROTOCOL_ANSWER_SIZE), PROTOCOL_INVALID);
    for (size_t i = 0; i + 5 <= PROTOCOL_ANSWER_SIZE; i += 5)
        memcpy(line + i, "{\"a\":", 5);
    assert_int_equal(decode_bytes(line, PROTOCOL_ANSWER_SIZE), PROTOCOL_INVALID);
    free(line);
}

static void an_answer_that_names_another_job_is_none(void **state)
{
    (void) state;
    assert_int_equal(decode("{\"id\":812,\"outcome\":\"done\"}"), DUEQ_DONE);
    assert_int_equal(decode("{\"message_id\":\"3f6c-812\",\"outcome\":\"done\"}"), DUEQ_DONE);
    assert_int_equal(decode("{\"id\":811,\"outcome\":\"done\"}"), PROTOCOL_INVALID);
    assert_non_null(strstr(message, "another job"));
    assert_int_equal(decode("{\"id\":\"812\",\"outcome\":\"done\"}"), PROTOCOL_INVALID);
    assert_int_equal(decode("{\"message_id\":\"3f6c-81\",\"outcome\":\"done\"}"), PROTOCOL_INVALID);
    assert_int_equal(decode("{\"message_id\":812,\"outcome\":\"done\"}"), PROTOCOL_INVALID);
}

static void a_message_is_cut_to_its_place_and_cleaned(void **state)
{
    char line[8000];
    (void) state;

    strcpy(line, "{\"outcome\":\"dead\",\"message\":\"a\\u0000b\\u001b\\n");
    size_t len = strlen(line);
    memset(line + len, 'x', 4000);
    strcpy(line + len + 4000, "\"}");
    assert_int_equal(decode(line), DUEQ_DEAD);
    assert_int_equal(strlen(message), sizeof message - 1);
    assert_memory_equal(message, "a b \nxxx", 8);
    assert_int_equal(decode("{\"outcome\":\"dead\",\"message\":{}}"), DUEQ_DEAD);
    assert_string_equal(message, "");
}

/* A small fuzzer with a fixed seed: damaged answers and random bytes never do more than be refused.
 */
static void damaged_answers_do_no_harm(void **state)
{
    static const char good[] = "{\"outcome\":\"snooze\",\"delay\":\"1h30m\",\"message\":"
                               "\"caf\xc3\xa9 \\u00e9\",\"id\":812}";
    unsigned seed = 20261122;
    (void) state;

    for (int round = 0; round < 50000; round++) {
        char line[sizeof good];
        size_t len = sizeof good - 1;
        memcpy(line, good, len);
        for (int changes = rand_r(&seed) % 4 + 1; changes > 0; changes--)
            line[(size_t) rand_r(&seed) % len] = (char) rand_r(&seed);
        len = (size_t) rand_r(&seed) % (len + 1);
        int32_t outcome = decode_bytes(line, len);
        assert_in_range(outcome + 1, 0, DUEQ_DEAD + 1);
        assert_in_range(result.delay_us + 1, 0, PROTOCOL_LONGEST_DELAY_US + 1);
        assert_non_null(memchr(message, '\0', sizeof message));
    }
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
        cmocka_unit_test(headers_that_are_no_json_are_handed_on_as_a_string),
        cmocka_unit_test(headers_as_deep_as_a_well_do_no_harm),
        cmocka_unit_test(each_outcome_is_understood),
        cmocka_unit_test(a_delay_is_a_duration_or_a_number_of_seconds),
        cmocka_unit_test(a_delay_that_is_none_makes_no_answer),
        cmocka_unit_test(what_is_no_answer_is_shown),
        cmocka_unit_test(an_outcome_with_a_nul_in_it_is_none),
        cmocka_unit_test(a_long_line_is_shown_in_part_and_made_harmless),
        cmocka_unit_test(an_answer_as_deep_as_a_well_is_none),
        cmocka_unit_test(an_answer_that_names_another_job_is_none),
        cmocka_unit_test(a_message_is_cut_to_its_place_and_cleaned),
        cmocka_unit_test(damaged_answers_do_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
