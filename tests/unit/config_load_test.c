#include "config.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "config_case.h"

#define SECOND 1000000LL

static void a_source_is_all_that_a_file_must_have(void **state)
{
    (void) state;
    const struct config *config = case_load(CASE_SOURCE);
    assert_string_equal(config->file, "dueq.conf");
    assert_int_equal(config->source_count, 1);
    const struct config_source *source = &config->sources[0];
    assert_string_equal(source->name, "main");
    assert_string_equal(source->socket, "/run/s");
    assert_null(source->host);
    assert_string_equal(source->database, "shop");
    assert_string_equal(source->user, "dueq");
    assert_string_equal(source->password, "");
    assert_null(source->password_file);
    assert_int_equal(source->lanes, 2);
    assert_int_equal(source->connect_timeout_us, 5 * SECOND);
    assert_int_equal(source->read_timeout_us, 30 * SECOND);
    assert_int_equal(source->tls.mode, CONFIG_TLS_OFF);
    assert_null(source->tls.ca);
    assert_null(source->tls.cert);
    assert_null(source->tls.key);
    assert_int_equal(config->drain_us, 30 * SECOND);
    assert_int_equal(config->keep_errors_us, 30 * 86400 * SECOND);
    assert_int_equal(config->log_level, LOG_LEVEL_INFO);
    assert_string_equal(config->handler_directory, DUEQ_HANDLER_DIR_FULL);
    assert_int_equal(config->kind_count, 0);
    assert_int_equal(config->retry_count, retry_policy_builtin_count());
}

static void without_queues_there_is_one_named_default(void **state)
{
    (void) state;
    const struct config *config = case_load(CASE_SOURCE);
    assert_int_equal(config->queue_count, 1);
    const struct config_queue *queue = &config->queues[0];
    assert_string_equal(queue->name, "default");
    assert_int_equal(queue->threads, 8);
    assert_int_equal(queue->batch, 1000);
    assert_int_equal(queue->pending, 1000);
    assert_int_equal(queue->weight, 1);
    assert_int_equal(queue->lease_us, 60 * SECOND);
    assert_int_equal(queue->poll_us, SECOND / 10);
    assert_int_equal(queue->timeout_us, 30 * SECOND);
    assert_string_equal(queue->retry->name, "exponential");
}

static void every_key_of_a_source_is_read(void **state)
{
    (void) state;
    case_write("ca.pem", 0644, "");
    case_write("c.pem", 0644, "");
    case_write("k.pem", 0600, "");
    const struct config *config = case_load(
        "sources = ( { name = \"a.b:c-d_E9\"; host = \"db\"; port = 3307; database = \"shop\"; "
        "user = \"dueq\";\n"
        "  password = \"s3cret\"; lanes = 64; connect_timeout = \"1s\"; read_timeout = \"1m30s\";\n"
        "  tls = { mode = \"verify-identity\"; ca = \"ca.pem\"; cert = \"c.pem\"; key = \"k.pem\"; "
        "}; },\n"
        "  { name = \"second\"; socket = \"/run/s\"; database = \"d\"; user = \"u\"; tls: { mode: "
        "\"required\"; }; } );");
    const struct config_source *source = &config->sources[0];
    char *here = getcwd(NULL, 0);
    assert_int_equal(config->source_count, 2);
    assert_string_equal(source->name, "a.b:c-d_E9");
    assert_null(source->socket);
    assert_string_equal(source->host, "db");
    assert_int_equal(source->port, 3307);
    assert_string_equal(source->password, "s3cret");
    assert_int_equal(source->lanes, 64);
    assert_int_equal(source->connect_timeout_us, SECOND);
    assert_int_equal(source->read_timeout_us, 90 * SECOND);
    assert_int_equal(source->tls.mode, CONFIG_TLS_VERIFY_IDENTITY);
    assert_memory_equal(source->tls.ca, here, strlen(here));
    assert_string_equal(source->tls.ca + strlen(here), "/ca.pem");
    assert_string_equal(source->tls.cert + strlen(here), "/c.pem");
    assert_string_equal(source->tls.key + strlen(here), "/k.pem");
    assert_string_equal(config->sources[1].name, "second");
    assert_int_equal(config->sources[1].tls.mode, CONFIG_TLS_REQUIRED);
    free(here);
}

static void a_host_without_a_port_is_asked_at_3306(void **state)
{
    (void) state;
    assert_int_equal(case_load(CASE_SOURCE_WITH("host = \"db\";"))->sources[0].port, 3306);
}

static void every_key_of_a_queue_is_read(void **state)
{
    (void) state;
    const struct config *config = case_load(
        CASE_SOURCE
        "queues = ( { name = \"a\"; }, { name = \"mail\"; threads = 1024; batch = 10000; pending = "
        "2000;\n"
        "weight = 3; lease = \"24h\"; poll = \"1ms\"; timeout = \"2h\"; retry = \"alipay\"; } );");
    assert_int_equal(config->queue_count, 2);
    assert_int_equal(config->queues[0].threads, 8);
    const struct config_queue *queue = &config->queues[1];
    assert_int_equal(queue->threads, 1024);
    assert_int_equal(queue->batch, 10000);
    assert_int_equal(queue->pending, 2000);
    assert_int_equal(queue->weight, 3);
    assert_int_equal(queue->lease_us, 86400 * SECOND);
    assert_int_equal(queue->poll_us, 1000);
    assert_int_equal(queue->timeout_us,
                     7200 * SECOND); /* longer than a lease is fine: leases are renewed */
    assert_string_equal(queue->retry->name, "alipay");
    assert_ptr_equal(config_find_queue(config, "mail"), queue);
    assert_null(config_find_queue(config, "Mail"));
}

static void every_key_of_a_kind_is_read(void **state)
{
    (void) state;
    const struct config *config = case_load(
        CASE_SOURCE "kinds = ( { kind = \"order.paid\"; handler = \"http\"; },\n"
                    "  { kind = \"order.*\"; handler = \"exec\"; retry = \"fixed\"; timeout = "
                    "\"5m\"; options = { }; },\n"
                    "  { kind = \"*\"; handler = \"noop\"; } );");
    assert_int_equal(config->kind_count, 3);
    assert_string_equal(config->kinds[0].kind, "order.paid");
    assert_string_equal(config->kinds[0].handler, "http");
    assert_null(config->kinds[0].retry);
    assert_int_equal(config->kinds[0].timeout_us, 0);
    assert_int_equal(config->kinds[0].option_count, 0);
    assert_int_equal(config->kinds[0].line, 2);
    assert_string_equal(config->kinds[1].kind, "order.*");
    assert_ptr_equal(config->kinds[1].retry, config_find_retry(config, "fixed"));
    assert_int_equal(config->kinds[1].timeout_us, 300 * SECOND);
    assert_int_equal(config->kinds[1].line, 3);
    assert_string_equal(config->kinds[1].file, "dueq.conf");
    assert_string_equal(config->kinds[2].kind, "*");
    assert_int_equal(config->kinds[2].line, 4);
}

static void the_built_in_policies_come_first_and_configured_ones_behind_them(void **state)
{
    (void) state;
    const struct config *config = case_load(CASE_SOURCE
                                            "retry = ( { name = \"gentle\"; first = \"5s\"; factor "
                                            "= 3; max = \"2h\"; jitter = 0.2; attempts = 12;"
                                            " max_age = \"1d\"; }, { name = \"plain\"; } );");
    size_t builtin = retry_policy_builtin_count();
    assert_int_equal(config->retry_count, builtin + 2);
    for (size_t i = 0; i < builtin; i++)
        assert_string_equal(config->retries[i].name, retry_policy_builtin[i].name);
    const struct retry_policy *gentle = &config->retries[builtin];
    assert_ptr_equal(config_find_retry(config, "gentle"), gentle);
    assert_null(gentle->schedule_us);
    assert_int_equal(gentle->first_us, 5 * SECOND);
    assert_true(gentle->factor == 3);
    assert_int_equal(gentle->max_us, 7200 * SECOND);
    assert_true(gentle->jitter == 0.2);
    assert_int_equal(gentle->max_attempts, 12);
    assert_int_equal(gentle->max_age_us, 86400 * SECOND);
    assert_null(config_find_retry(config, "none"));
}

static void a_policy_of_nothing_but_a_name_is_the_built_in_default(void **state)
{
    (void) state;
    const struct config *config = case_load(CASE_SOURCE "retry = ( { name = \"plain\"; } );");
    const struct retry_policy *plain = config_find_retry(config, "plain");
    const struct retry_policy *exponential = config_find_retry(config, "exponential");
    assert_int_equal(plain->first_us, exponential->first_us);
    assert_true(plain->factor == exponential->factor);
    assert_int_equal(plain->max_us, exponential->max_us);
    assert_true(plain->jitter == exponential->jitter);
    assert_int_equal(plain->max_attempts, exponential->max_attempts);
    assert_int_equal(plain->max_age_us, exponential->max_age_us);
}

static void a_schedule_of_n_delays_means_n_and_one_attempts(void **state)
{
    (void) state;
    const struct config *config = case_load(
        CASE_SOURCE
        "retry = ( { name = \"notify\"; schedule = [ \"15s\", \"3m\", \"30s\" ]; jitter = 0; },\n"
        "{ name = \"long\"; schedule = ( \"0\", \"1s\" ); attempts = 9; } );");
    const struct retry_policy *notify = config_find_retry(config, "notify");
    assert_int_equal(notify->schedule_len, 3);
    assert_int_equal(notify->schedule_us[0], 15 * SECOND);
    assert_int_equal(notify->schedule_us[1], 180 * SECOND);
    assert_int_equal(notify->schedule_us[2], 30 * SECOND);
    assert_int_equal(notify->max_attempts, 4);
    assert_int_equal(notify->max_us, 180 * SECOND); /* what a handler may ask for */
    assert_true(notify->jitter == 0);
    assert_int_equal(config_find_retry(config, "long")->max_attempts, 9);
    assert_int_equal(config_find_retry(config, "long")->schedule_us[0], 0);
}

static void a_configured_policy_replaces_the_built_in_one_of_its_name(void **state)
{
    (void) state;
    const struct config *config = case_load(
        CASE_SOURCE "retry = ( { name = \"exponential\"; first = \"7s\"; } );");
    assert_int_equal(config->retry_count, retry_policy_builtin_count());
    assert_int_equal(config->retries[0].first_us, 7 * SECOND);
    assert_ptr_equal(config->queues[0].retry, &config->retries[0]);
}

static void the_order_of_the_sections_does_not_matter(void **state)
{
    (void) state;
    const struct config *config = case_load("queues = ( { name = \"q\"; retry = \"mine\"; } );\n"
                                            "retry = ( { name = \"mine\"; } );\n" CASE_SOURCE
                                            "log = { level = \"debug\"; }; drain = \"0s\";\n");
    assert_string_equal(config->queues[0].retry->name, "mine");
    assert_int_equal(config->log_level, LOG_LEVEL_DEBUG);
    assert_int_equal(config->drain_us, 0);
}

static void integers_may_be_hexadecimal_or_marked_as_long_and_reals_may_be_integers(void **state)
{
    (void) state;
    const struct config *config = case_load(CASE_SOURCE
                                            "queues = ( { name = \"q\"; threads = 0x10; batch = "
                                            "7L; pending = 0x20LL; weight = +5; } );\n"
                                            "retry = ( { name = \"r\"; factor = 3; jitter = .5; }, "
                                            "{ name = \"s\"; factor = 1.5e1; } );");
    assert_int_equal(config->queues[0].threads, 16);
    assert_int_equal(config->queues[0].batch, 7);
    assert_int_equal(config->queues[0].pending, 32);
    assert_int_equal(config->queues[0].weight, 5);
    assert_true(config_find_retry(config, "r")->factor == 3);
    assert_true(config_find_retry(config, "r")->jitter == 0.5);
    assert_true(config_find_retry(config, "s")->factor == 15);
}

static void comments_may_stand_anywhere(void **state)
{
    (void) state;
    const struct config *config = case_load(
        "# one\n// two \"\n/* three { \n */ sources /* a */ = # b\n ( { name = \"m\"\n"
        "; socket = \"/run//s#a/*b\"; database = \"d\"; user = \"u\"; } ); #end");
    assert_string_equal(config->sources[0].socket, "/run//s#a/*b");
}

static void strings_may_have_escapes_and_be_put_together(void **state)
{
    (void) state;
    const struct config *config = case_load(CASE_SOURCE_WITH(
        "socket = \"/run\" \"/s\"; password = \"a\\\"b\\\\c\\x21\\t\xe4\xbd\xa0 {#\";"));
    assert_string_equal(config->sources[0].socket, "/run/s");
    assert_string_equal(config->sources[0].password, "a\"b\\c!\t\xe4\xbd\xa0 {#");
}

static void options_are_flattened_to_text_with_their_lines(void **state)
{
    (void) state;
    const struct config *config = case_load(
        CASE_SOURCE "kinds = ( { kind = \"a\"; handler = \"http\"; options = {\n"
                    "url = \"https://x/\";\nport = 0x10; big = 9223372036854775807; small = -3;\n"
                    "share = 0.1; yes = TRUE; no = false;\n"
                    "headers = { A = \"1\";\n X-B = \"2\"; deep = { z = 1; }; };\n"
                    "list = [ \"a\", \"b\" ]; mixed = ( 1, \"two\", 0.5, true ); none = ( );\n"
                    "one = \"1\"; }; } );");
    static const struct {
        const char *name, *text;
        unsigned line;
    } expected[] = {
        { "url", "https://x/", 3 },   { "port", "16", 4 },     { "big", "9223372036854775807", 4 },
        { "small", "-3", 4 },         { "share", "0.1", 5 },   { "yes", "true", 5 },
        { "no", "false", 5 },         { "headers.A", "1", 6 }, { "headers.X-B", "2", 7 },
        { "headers.deep.z", "1", 7 }, { "list", NULL, 8 },     { "mixed", NULL, 8 },
        { "none", NULL, 8 },          { "one", "1", 9 },
    };
    const struct config_kind *kind = &config->kinds[0];
    assert_int_equal(kind->option_count, sizeof expected / sizeof *expected);
    for (size_t i = 0; i < kind->option_count; i++) {
        assert_string_equal(kind->options[i].name, expected[i].name);
        assert_int_equal(kind->options[i].line, expected[i].line);
        assert_string_equal(kind->options[i].file, "dueq.conf");
        assert_int_equal(kind->options[i].is_list, !expected[i].text);
        if (expected[i].text)
            assert_string_equal(kind->options[i].text, expected[i].text);
    }
    assert_int_equal(kind->options[10].item_count, 2);
    assert_string_equal(kind->options[10].items[1], "b");
    assert_null(kind->options[10].items[2]);
    assert_int_equal(kind->options[11].item_count, 4);
    assert_string_equal(kind->options[11].items[0], "1");
    assert_string_equal(kind->options[11].items[2], "0.5");
    assert_string_equal(kind->options[11].items[3], "true");
    assert_int_equal(kind->options[12].item_count, 0);
    assert_null(kind->options[12].items[0]);
}

static void the_handler_directory_is_beside_the_file_where_it_is_relative(void **state)
{
    (void) state;
    char *here = getcwd(NULL, 0);
    const char *directory =
        case_load(CASE_SOURCE "handlers = { directory = \"plugins\"; };")->handler_directory;
    assert_memory_equal(directory, here, strlen(here));
    assert_string_equal(directory + strlen(here), "/plugins");
    assert_string_equal(
        case_load(CASE_SOURCE "handlers = { directory = \"/x\"; };")->handler_directory, "/x");
    free(here);
}

static void a_file_may_be_named_by_its_whole_path_or_through_a_pipe(void **state)
{
    (void) state;
    struct config *config = NULL;
    struct config_report report = { 0 };
    char path[64];
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(write(ends[1], CASE_SOURCE, strlen(CASE_SOURCE)), strlen(CASE_SOURCE));
    close(ends[1]);
    snprintf(path, sizeof path, "/dev/fd/%d", ends[0]);
    assert_int_equal(config_load(path, &config, &report), 0);
    assert_string_equal(config->sources[0].name, "main");
    close(ends[0]);
    config_free(config);
    config_report_done(&report);
}

static void freeing_nothing_is_fine(void **state)
{
    (void) state;
    struct config_report report = { 0 };
    config_free(NULL);
    config_report_done(&report);
}

static void others_may_add_to_a_report(void **state)
{
    (void) state;
    struct config_report report = { 0 };
    config_report_add(&report, false, "a.conf", 3, "kinds[%d]: no such handler", 1);
    config_report_add(&report, true, "a.conf", 0, "old");
    assert_int_equal(report.count, 2);
    assert_int_equal(report.error_count, 1);
    assert_string_equal(report.problems[0].text, "a.conf:3: kinds[1]: no such handler");
    assert_false(report.problems[0].warning);
    assert_string_equal(report.problems[1].text, "a.conf: old");
    assert_true(report.problems[1].warning);
    config_report_done(&report);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, case_setup, case_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_source_is_all_that_a_file_must_have),
        TEST(without_queues_there_is_one_named_default),
        TEST(every_key_of_a_source_is_read),
        TEST(a_host_without_a_port_is_asked_at_3306),
        TEST(every_key_of_a_queue_is_read),
        TEST(every_key_of_a_kind_is_read),
        TEST(the_built_in_policies_come_first_and_configured_ones_behind_them),
        TEST(a_policy_of_nothing_but_a_name_is_the_built_in_default),
        TEST(a_schedule_of_n_delays_means_n_and_one_attempts),
        TEST(a_configured_policy_replaces_the_built_in_one_of_its_name),
        TEST(the_order_of_the_sections_does_not_matter),
        TEST(integers_may_be_hexadecimal_or_marked_as_long_and_reals_may_be_integers),
        TEST(comments_may_stand_anywhere),
        TEST(strings_may_have_escapes_and_be_put_together),
        TEST(options_are_flattened_to_text_with_their_lines),
        TEST(the_handler_directory_is_beside_the_file_where_it_is_relative),
        TEST(a_file_may_be_named_by_its_whole_path_or_through_a_pipe),
        TEST(freeing_nothing_is_fine),
        TEST(others_may_add_to_a_report),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
