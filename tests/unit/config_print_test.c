#include "config_print.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "config_case.h"

static char *printed(const struct config *config)
{
    char *text;
    size_t len;
    FILE *file = open_memstream(&text, &len);
    assert_non_null(file);
    config_print(config, file);
    fclose(file);
    return text;
}

/* What is printed of what was loaded from what was printed is the same again. */
static char *printed_twice(const struct config *config)
{
    char *first = printed(config);
    char *second = printed(case_load(first));
    assert_string_equal(first, second);
    free(second);
    return first;
}

static void what_is_printed_reads_back_as_the_same(void **state)
{
    (void) state;
    case_write("ca.pem", 0600, "");
    const struct config *config = case_load(
        "sources = ( { name = \"main\"; socket = \"/run/s\"; database = \"a \\\"b\\\\c\\n\"; user "
        "= \"dueq\"; lanes = 3; },\n"
        "  { name = \"far\"; host = \"db\"; port = 3307; database = \"d\"; user = \"u\"; "
        "read_timeout = \"1m30s\";"
        "    tls = { mode = \"verify-ca\"; ca = \"ca.pem\"; }; } );\n"
        "queues = ( { name = \"q\"; threads = 3; retry = \"notify\"; lease = \"1h\"; }, { name = "
        "\"r\"; retry = \"gentle\"; } );\n"
        "kinds = ( { kind = \"a.*\"; handler = \"http\"; timeout = \"5m\"; options = { url = "
        "\"https://x/?a=b@c\"; n = 5;"
        "    share = 0.1; yes = true; seven = \"007\"; list = ( \"a\", 1 ); none = [ ]; headers = "
        "{ X-A = \"1\"; in = { b = 2; };"
        "    c = 3; }; last = \"\xe4\xbd\xa0\\t\"; }; }, { kind = \"b\"; handler = \"noop\"; retry "
        "= \"alipay\"; } );\n"
        "retry = ( { name = \"gentle\"; first = \"5s\"; factor = 1.1; max = \"2h\"; jitter = 0.25; "
        "max_age = \"1d\"; },\n"
        "  { name = \"notify\"; schedule = [ \"0s\", \"1h30m\" ]; attempts = 7; }, { name = "
        "\"fixed\"; jitter = 1; } );\n"
        "log = { level = \"warning\"; }; handlers = { directory = \"/plug ins\"; }; drain = "
        "\"0s\";");
    char *text = printed_twice(config);
    const struct config *again = case_load(text);

    assert_int_equal(again->source_count, 2);
    assert_string_equal(again->sources[0].database, "a \"b\\c\n");
    assert_null(again->sources[0].host);
    assert_null(again->sources[1].socket);
    assert_int_equal(again->sources[1].port, 3307);
    assert_int_equal(again->sources[1].read_timeout_us, 90000000);
    assert_int_equal(again->sources[1].tls.mode, CONFIG_TLS_VERIFY_CA);
    assert_string_equal(again->sources[1].tls.ca, config->sources[1].tls.ca);
    assert_int_equal(again->queue_count, 2);
    assert_string_equal(again->queues[0].retry->name, "notify");
    assert_int_equal(again->queues[0].lease_us, 3600000000);
    assert_int_equal(again->retry_count, config->retry_count);
    for (size_t i = 0; i < config->retry_count; i++) {
        const struct retry_policy *a = &config->retries[i], *b = &again->retries[i];
        assert_string_equal(a->name, b->name);
        assert_int_equal(a->first_us, b->first_us);
        assert_true(a->factor == b->factor || a->schedule_us);
        assert_int_equal(a->max_us, b->max_us);
        assert_true(a->jitter == b->jitter);
        assert_int_equal(a->max_attempts, b->max_attempts);
        assert_int_equal(a->max_age_us, b->max_age_us);
        assert_int_equal(a->schedule_len, b->schedule_len);
        for (uint32_t k = 0; k < a->schedule_len; k++)
            assert_int_equal(a->schedule_us[k], b->schedule_us[k]);
    }
    assert_int_equal(again->kind_count, 2);
    assert_null(again->kinds[0].retry);
    assert_int_equal(again->kinds[1].timeout_us, 0);
    assert_int_equal(again->kinds[0].option_count, config->kinds[0].option_count);
    for (size_t i = 0; i < config->kinds[0].option_count; i++) {
        const struct config_option *a = &config->kinds[0].options[i],
                                   *b = &again->kinds[0].options[i];
        assert_string_equal(a->name, b->name);
        assert_int_equal(a->is_list, b->is_list);
        if (!a->is_list)
            assert_string_equal(a->text, b->text);
        assert_int_equal(a->item_count, b->item_count);
        for (size_t k = 0; k < a->item_count; k++)
            assert_string_equal(a->items[k], b->items[k]);
    }
    assert_string_equal(again->handler_directory, "/plug ins");
    assert_int_equal(again->log_level, LOG_LEVEL_WARNING);
    assert_int_equal(again->drain_us, 0);
    free(text);
}

static void it_looks_as_a_person_would_write_it(void **state)
{
    (void) state;
    char *text = printed(case_load(
        CASE_SOURCE "kinds = ( { kind = \"a\"; handler = \"noop\"; options = { n = 1; g = { l = "
                    "[ \"x\", \"y\" ]; }; }; } );"));
    assert_memory_equal(text,
                        "sources = (\n"
                        "    {\n"
                        "        name = \"main\";\n"
                        "        socket = \"/run/s\";\n"
                        "        database = \"shop\";\n"
                        "        user = \"dueq\";\n"
                        "        lanes = 2;\n"
                        "        doorbell = \"off\";\n"
                        "        connect_timeout = \"5s\";\n"
                        "        read_timeout = \"30s\";\n"
                        "        tls = {\n"
                        "            mode = \"off\";\n"
                        "        };\n"
                        "        protect = {\n"
                        "            history = 0;\n",
                        317);
    assert_non_null(strstr(text, "kinds = (\n"
                                 "    {\n"
                                 "        kind = \"a\";\n"
                                 "        handler = \"noop\";\n"
                                 "        isolation = \"none\";\n"
                                 "        options = {\n"
                                 "            n = 1;\n"
                                 "            g = {\n"
                                 "                l = ( \"x\", \"y\" );\n"
                                 "            };\n"
                                 "        };\n"
                                 "    }\n"
                                 ");\n"));
    free(text);
}

static void passwords_are_not_printed(void **state)
{
    (void) state;
    char *text = printed_twice(
        case_load(CASE_SOURCE_WITH("socket = \"/s\"; password = \"tr0ub4dor\";")));
    assert_null(strstr(text, "tr0ub4dor"));
    assert_non_null(strstr(text, "password = \"***\";"));
    free(text);

    case_write("secret", 0600, "tr0ub4dor");
    text = printed_twice(
        case_load(CASE_SOURCE_WITH("socket = \"/s\"; password_file = \"secret\";")));
    assert_null(strstr(text, "tr0ub4dor"));
    assert_null(strstr(text, "password ="));
    assert_non_null(strstr(text, "/secret\";"));
    free(text);

    text = printed_twice(case_load(CASE_SOURCE));
    assert_null(strstr(text, "password"));
    free(text);
}

static void options_that_are_secret_are_not_printed(void **state)
{
    (void) state;
    char *text = printed_twice(
        case_load(CASE_SOURCE
                  "kinds = ( { kind = \"a\"; handler = \"http\"; options = { secret = "
                  "\"tr0ub4dor\"; Auth_Token = \"tr0ub4dor\";\n"
                  "headers = { Authorization = \"Bearer tr0ub4dor\"; X-API-Key = \"tr0ub4dor\"; }; "
                  "db_passwords = [ \"tr0ub4dor\" ];\n"
                  "url = \"https://me:tr0ub4dor@host/a@b\"; list = [ \"amqp://me:tr0ub4dor@h\" ];\n"
                  "secret_file = \"/etc/key\"; plain = \"https://host/@x\"; }; } );"));
    assert_null(strstr(text, "tr0ub4dor"));
    assert_non_null(strstr(text, "secret = \"***\";"));
    assert_non_null(strstr(text, "db_passwords = ( \"***\" );"));
    assert_non_null(strstr(text, "url = \"https://***@host/a@b\";"));
    assert_non_null(strstr(text, "secret_file = \"/etc/key\";"));
    assert_non_null(strstr(text, "plain = \"https://host/@x\";"));
    free(text);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, case_setup, case_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_is_printed_reads_back_as_the_same),
        TEST(it_looks_as_a_person_would_write_it),
        TEST(passwords_are_not_printed),
        TEST(options_that_are_secret_are_not_printed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
