#include <stdio.h>
#include <string.h>

#include "fixture.h"

/* dueq enqueue: the documented INSERT, from the command line. */

static struct fixture f;

static int set_up(void **state)
{
    (void) state;
    fixture_set_up(&f);
    return 0;
}

static int tear_down(void **state)
{
    (void) state;
    fixture_tear_down(&f);
    return 0;
}

static int clear(void **state)
{
    (void) state;
    fixture_clear(&f);
    return 0;
}

static void a_kind_alone_is_a_job_with_every_default(void **state)
{
    (void) state;
    const struct run *run = operate(&f, EX_OK, "enqueue", "order.paid", NULL);
    char *id = sql_text(f.admin, "SELECT CONCAT(id, '\n') FROM dueq_job"
                                 " WHERE kind = 'order.paid' AND queue = 'default' AND payload = ''"
                                 " AND priority = 5 AND next_run_at = created_at"
                                 " AND unique_key IS NULL AND headers IS NULL AND lease IS NULL"
                                 " AND max_attempts IS NULL AND retry IS NULL");
    assert_non_null(id);
    assert_string_equal(run->out, id);
    free(id);
}

static void each_option_becomes_its_column(void **state)
{
    (void) state;
    operate(&f, EX_OK, "enqueue", "k", "{\"a\":1}", "--queue", "mail", "--priority", "0",
            "--unique-key", "ключ", "--ordering-key", "o", "--max-attempts", "3", "--retry",
            "fixed", "--headers", "{\"trace\":\"1\"}", "--delay", "30m", NULL);
    assert_int_equal(
        sql_u64(f.admin,
                "SELECT COUNT(*) FROM dueq_job WHERE kind = 'k' AND payload = '{\"a\":1}'"
                " AND queue = 'mail' AND priority = 0 AND unique_key = 'ключ'"
                " AND ordering_key = 'o' AND max_attempts = 3 AND retry = 'fixed'"
                " AND JSON_VALUE(headers, '$.trace') = '1'"
                " AND next_run_at BETWEEN created_at + INTERVAL 1799 SECOND AND created_at +"
                " INTERVAL 1801 SECOND"),
        1);
}

static void a_time_of_another_zone_is_the_same_moment(void **state)
{
    (void) state;
    operate(&f, EX_OK, "enqueue", "k", "--at", "2037-06-01T08:00:00+08:00", NULL);
    char *at = sql_text(f.admin, "SELECT next_run_at FROM dueq_job");
    assert_string_equal(at, "2037-06-01 00:00:00.000000");
    free(at);
}

static void a_payload_comes_from_standard_input_byte_for_byte(void **state)
{
    (void) state;
    static const char payload[] = "{\"line\": \"it's 订单\\n\"}\n\n  trailing \\ ";
    const char *const words[] = { "-c", f.operator_conf, "enqueue", "k", "-", NULL };
    assert_int_equal(dueq_words(words, payload)->status, EX_OK);
    char *stored = sql_text(f.admin, "SELECT payload FROM dueq_job");
    assert_string_equal(stored, payload);
    free(stored);
}

static void a_payload_comes_from_a_file(void **state)
{
    (void) state;
    const char *file = text_of("%s/payload", test_directory_new());
    test_file_write(file, 0600, "from a file\n");
    operate(&f, EX_OK, "enqueue", "k", "--file", file, NULL);
    char *stored = sql_text(f.admin, "SELECT payload FROM dueq_job");
    assert_string_equal(stored, "from a file\n");
    free(stored);
    const struct run *run = operate(&f, EX_NOINPUT, "enqueue", "k", "--file", "/nonexistent", NULL);
    expect_text(run->err, "/nonexistent");
}

static void a_payload_with_nul_bytes_goes_in_whole(void **state)
{
    (void) state;
    const char *file = text_of("%s/payload", test_directory_new());
    FILE *out = fopen(file, "w");
    assert_non_null(out);
    fwrite("a\0b\0", 1, 4, out);
    fclose(out);
    operate(&f, EX_OK, "enqueue", "k", "--file", file, NULL);
    assert_int_equal(sql_u64(f.admin, "SELECT payload = 'a\\0b\\0' FROM dueq_job"), 1);
}

static void a_payload_above_16_mib_is_refused_before_it_is_sent(void **state)
{
    (void) state;
    const char *file = text_of("%s/payload", test_directory_new());
    FILE *out = fopen(file, "w");
    assert_non_null(out);
    fseek(out, 16L << 20, SEEK_SET);
    fputc('x', out);
    fclose(out);
    const struct run *run = operate(&f, EX_DATAERR, "enqueue", "k", "--file", file, NULL);
    expect_text(run->err, "16777215");
}

static void a_living_job_of_the_same_unique_key_absorbs_the_new_one(void **state)
{
    (void) state;
    operate(&f, EX_OK, "enqueue", "k", "first", "--unique-key", "u", NULL);
    uint64_t id = sql_u64(f.admin, "SELECT id FROM dueq_job");
    const struct run *run = operate(&f, EX_OK, "enqueue", "k", "second", "--unique-key", "u", NULL);
    expect_text(run->out, text_of("absorbed: job %llu ", (unsigned long long) id));
    char *payload = sql_text(f.admin, "SELECT payload FROM dueq_job");
    assert_string_equal(payload, "first");
    free(payload);

    json_t *json = operate_json(&f, EX_OK, "enqueue", "k", "--unique-key", "u", NULL);
    assert_int_equal(member_integer(json, "id"), id);
    assert_true(json_is_true(member(json, "absorbed")));
    json_decref(json);
    json = operate_json(&f, EX_OK, "enqueue", "k", "--unique-key", "another", NULL);
    assert_int_not_equal(member_integer(json, "id"), id);
    assert_true(json_is_false(member(json, "absorbed")));
    json_decref(json);
}

static void headers_that_no_handler_could_use_are_refused_before_they_are_sent(void **state)
{
    (void) state;
    char *long_headers = malloc(65537 + 1);
    memset(long_headers, 'x', 65537);
    long_headers[65537] = '\0';
    const struct {
        const char *headers, *words;
    } cases[] = {
        { "{no json", "--headers: expected a JSON object: column " },
        { "", "--headers: expected a JSON object: " },
        { "[1]", "--headers: expected a JSON object, such as {\"trace\": \"1\"}" },
        { "7", "--headers: expected a JSON object, such as" },
        { long_headers, "--headers: expected at most 65536 bytes, found 65537" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct run *run = operate(&f, EX_DATAERR, "enqueue", "k", "--headers",
                                        cases[i].headers, NULL);
        expect_text(run->err, cases[i].words);
        expect_harmless(run->err);
    }
    free(long_headers);
    assert_int_equal(sql_u64(f.admin, "SELECT COUNT(*) FROM dueq_job"), 0);
    operate(&f, EX_OK, "enqueue", "k", "--headers",
            "{\"n\": 123456789012345678901234567890, \"z\": \"\\u0000\"}", NULL);
}

static void what_the_database_refuses_is_a_data_error(void **state)
{
    (void) state;
    operate(&f, EX_DATAERR, "enqueue", "k", "--delay", "20000d", NULL);
    const char *const words[] = { "-c", f.operator_conf, "enqueue", "k", "-", NULL };
    assert_int_equal(dueq_words(words, "\xff is no UTF-8")->status, EX_DATAERR);
    assert_int_equal(sql_u64(f.admin, "SELECT COUNT(*) FROM dueq_job"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_kind_alone_is_a_job_with_every_default, clear),
        cmocka_unit_test_setup(each_option_becomes_its_column, clear),
        cmocka_unit_test_setup(a_time_of_another_zone_is_the_same_moment, clear),
        cmocka_unit_test_setup(a_payload_comes_from_standard_input_byte_for_byte, clear),
        cmocka_unit_test_setup(a_payload_comes_from_a_file, clear),
        cmocka_unit_test_setup(a_payload_with_nul_bytes_goes_in_whole, clear),
        cmocka_unit_test_setup(a_payload_above_16_mib_is_refused_before_it_is_sent, clear),
        cmocka_unit_test_setup(a_living_job_of_the_same_unique_key_absorbs_the_new_one, clear),
        cmocka_unit_test_setup(headers_that_no_handler_could_use_are_refused_before_they_are_sent,
                               clear),
        cmocka_unit_test_setup(what_the_database_refuses_is_a_data_error, clear),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
