#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "protocol.h"

static char message[1024];
static struct dueq_result result;

static int32_t decode_bytes(const char *line, size_t len)
{
    const struct dueq_job job = { .id = 812, .message_id = "3f6c-812" };
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
