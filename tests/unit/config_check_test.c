#include "config.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <cmocka.h>

#include "config_case.h"

/* What no single key tells: values that do not go together, names given twice, and the report as a
 * whole. */

#define QUEUE(text) CASE_SOURCE "queues = ( { name = \"q\";\n" text " } );\n"
#define RETRY(text) CASE_SOURCE "retry = ( { name = \"r\";\n" text " } );\n"
#define KIND(text) CASE_SOURCE "kinds = ( { handler = \"h\";\n" text " } );\n"

static void a_name_given_twice_names_both_lines(void **state)
{
    (void) state;
    assert_problems(CASE_SOURCE "queues = ( { name = \"a\"; },\n{ name = \"b\"; },\n{ name = "
                                "\"a\"; },\n{ name = \"a\"; } );",
                    "dueq.conf:4: queues[2].name: \"a\" is taken by queues[0].name (dueq.conf:2)\n"
                    "dueq.conf:5: queues[3].name: \"a\" is taken by queues[0].name (dueq.conf:2)");
    assert_problems(CASE_SOURCE "retry = ( { name = \"a\"; },\n{ name = \"a\"; } );",
                    "dueq.conf:3: retry[1].name: \"a\" is taken by retry[0].name (dueq.conf:2)");
    assert_problems(
        CASE_SOURCE
        "kinds = ( { kind = \"a.*\"; handler = \"x\"; },\n{ kind = \"a.*\"; handler = \"y\"; } );",
        "dueq.conf:3: kinds[1].kind: \"a.*\" is taken by kinds[0].kind (dueq.conf:2)");
    assert_problems(
        "sources = ( { name = \"a\"; socket = \"/s\"; database = \"d\"; user = \"u\"; },\n"
        "{ name = \"a\"; socket = \"/t\"; database = \"d\"; user = \"u\"; } );",
        "dueq.conf:2: sources[1].name: \"a\" is taken by sources[0].name (dueq.conf:1)");
}

static void a_key_given_twice_names_both_lines(void **state)
{
    (void) state;
    assert_problems(QUEUE("threads = 1;\nthreads = 2;"),
                    "dueq.conf:4: queues[0].threads: given twice; the first one is at dueq.conf:3");
    assert_problems(CASE_SOURCE "drain = \"1s\";\ndrain = \"1s\";\ndrain = \"1s\";",
                    "dueq.conf:3: drain: given twice; the first one is at dueq.conf:2\n"
                    "dueq.conf:4: drain: given twice; the first one is at dueq.conf:2");
    case_load(CASE_SOURCE
              "queues = ( { name = \"a\"; }, { name = \"b\"; } );"); /* a group each: no key is
                                                                        twice here */
}

static void a_retry_policy_must_exist(void **state)
{
    (void) state;
    assert_problems(
        QUEUE("retry = \"exponental\";"),
        "dueq.conf:3: queues[0].retry: expected the name of a retry policy, found \"exponental\"; "
        "did you "
        "mean \"exponential\"? there are exponential, fixed, wechatpay, alipay, rocketmq");
    assert_problems(
        KIND("kind = \"a\"; retry = \"x\";") "retry = ( { name = \"mine\"; } );",
        "dueq.conf:3: kinds[0].retry: expected the name of a retry policy, found \"x\"; there are "
        "exponential, fixed, wechatpay, alipay, rocketmq, mine");
}

static void a_source_has_a_socket_or_a_host(void **state)
{
    (void) state;
    assert_problems(CASE_SOURCE_WITH(""),
                    "dueq.conf:1: sources[0]: expected a socket, a host or hosts, found none");
    assert_problems(CASE_SOURCE_WITH("socket = \"/s\";\nhost = \"h\";"),
                    "dueq.conf:3: sources[0].host: cannot stand together with socket "
                    "(dueq.conf:2); keep one of them");
    assert_problems(CASE_SOURCE_WITH("port = 1;\nsocket = \"/s\";"),
                    "dueq.conf:2: sources[0].port: cannot stand together with socket "
                    "(dueq.conf:3); keep one of them");
}

static void hosts_stand_in_place_of_a_host(void **state)
{
    (void) state;
    static const char wanted[] = "expected a server as \"host\", \"host:port\" or "
                                 "\"[address]:port\"";
    char expected[256];
    const struct config_source *source =
        case_load(
            CASE_SOURCE_WITH(
                "port = 3307; hosts = [ \"a\", \"b:1\", \"::1\", \"[::1]:65535\", \"[::2]\" ];"))
            ->sources;
    static const struct config_host hosts[] = {
        { "a", 0 }, { "b", 1 }, { "::1", 0 }, { "::1", 65535 }, { "::2", 0 }
    };
    assert_int_equal(source->host_count, 5);
    for (size_t i = 0; i < 5; i++) {
        assert_string_equal(source->hosts[i].host, hosts[i].host);
        assert_int_equal(source->hosts[i].port, hosts[i].port);
    }
    static const char *const bad[] = { "\"\"",     "\":1\"",      "\"a:\"",
                                       "\"a:0\"",  "\"a:65536\"", "\"a:b\"",
                                       "\"[::1\"", "\"[::1]1\"",  "5" };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char text[256];
        snprintf(text, sizeof text, CASE_SOURCE_WITH("hosts = ( \"a\", %s );"), bad[i]);
        snprintf(expected, sizeof expected, "dueq.conf:2: sources[0].hosts[1]: %s", wanted);
        assert_problems(text, expected);
    }
    assert_problems(CASE_SOURCE_WITH("socket = \"/s\";\nhosts = [ \"a\" ];"),
                    "dueq.conf:3: sources[0].hosts: cannot stand together with socket "
                    "(dueq.conf:2); keep one of them");
    assert_problems(CASE_SOURCE_WITH("host = \"h\";\nhosts = [ \"a\" ];"),
                    "dueq.conf:3: sources[0].hosts: expected either host or hosts, found both");
    assert_problems(CASE_SOURCE_WITH("hosts = [];"),
                    "dueq.conf:2: sources[0].hosts: expected a list of servers [ \"host\", "
                    "\"host:port\", … ], found an empty list");
}

static void a_schedule_and_a_curve_do_not_go_together(void **state)
{
    (void) state;
    assert_problems(RETRY("schedule = [ \"1s\" ]; first = \"1s\";\nfactor = 2; max = \"1h\";"),
                    "dueq.conf:3: retry[0].first: cannot stand together with schedule "
                    "(dueq.conf:3); keep one of them\n"
                    "dueq.conf:4: retry[0].factor: cannot stand together with schedule "
                    "(dueq.conf:3); keep one of them\n"
                    "dueq.conf:4: retry[0].max: cannot stand together with schedule (dueq.conf:3); "
                    "keep one of them");
}

static void the_longest_delay_is_not_shorter_than_the_first(void **state)
{
    (void) state;
    assert_problems(RETRY("first = \"10s\"; max = \"5s\";"),
                    "dueq.conf:3: retry[0].max: expected a duration not shorter than first (10s), "
                    "found \"5s\"");
    assert_problems(
        RETRY("first = \"2h\";"),
        "dueq.conf:2: retry[0]: expected a duration not shorter than first (2h), found \"1h\"");
}

static void tls_with_half_a_key_pair_is_an_error(void **state)
{
    (void) state;
    case_write("a.pem", 0600, "");
    assert_problems(
        CASE_SOURCE_WITH("socket = \"/s\"; tls = { mode = \"required\"; cert = \"a.pem\"; };"),
        "dueq.conf:2: sources[0].tls.cert: expected a key beside it, found none");
    assert_problems(
        CASE_SOURCE_WITH("socket = \"/s\"; tls = { mode = \"required\"; key = \"a.pem\"; };"),
        "dueq.conf:2: sources[0].tls.key: expected a cert beside it, found none");
}

static void what_is_allowed_but_hardly_meant_is_a_warning(void **state)
{
    (void) state;
    case_write("a.pem", 0600, "");
    assert_problems(QUEUE("lease = \"1s\";\npoll = \"2s\";"),
                    "warning: dueq.conf:4: queues[0].poll: a poll of 2s is longer than the lease "
                    "of 1s: a job whose "
                    "daemon died waits for both");
    assert_problems(QUEUE("pending = 4;"),
                    "warning: dueq.conf:3: queues[0].pending: with 4 jobs in flight at most, 8 "
                    "threads are never all busy");
    assert_problems(
        CASE_SOURCE_WITH("socket = \"/s\"; tls = { ca = \"a.pem\"; };"),
        "warning: dueq.conf:2: sources[0].tls.ca: has no effect, since the mode is \"off\"");
}

static void all_errors_are_reported_in_the_order_of_the_file(void **state)
{
    (void) state;
    assert_problems(
        "log = { level = \"x\"; };\nkinds = ( { kind = \"a\"; handler = \"\"; } );\n"
        "queues = ( { name = \"q\"; retry = \"x\";\n threads = 0; thread = 1; } );\n"
        "sources = ( { name = \"s\"; socket = \"/s\"; database = \"d\"; } );\n"
        "retry = ( { name = \"r\"; jitter = 3; } );\ndrain = 5;\n",
        "dueq.conf:1: log.level: expected \"error\", \"warning\", \"info\" or \"debug\", found "
        "\"x\"\n"
        "dueq.conf:2: kinds[0].handler: expected a handler's name of 1 to 64 small letters, digits "
        "and _ . "
        "-, found \"\"\n"
        "dueq.conf:3: queues[0].retry: expected the name of a retry policy, found \"x\"; there are "
        "exponential, fixed, wechatpay, alipay, rocketmq, r\n"
        "dueq.conf:4: queues[0].thread: unknown key; did you mean 'threads'?\n"
        "dueq.conf:4: queues[0].threads: expected an integer from 1 to 1024, found 0\n"
        "dueq.conf:5: sources[0].user: expected a string of 1 to 80 bytes, found nothing\n"
        "dueq.conf:6: retry[0].jitter: expected a number from 0 to 1, found 3\n"
        "dueq.conf:7: drain: expected a duration from 0s to 1h, found the integer 5; write \"5s\"");
}

static void what_others_have_reported_stays_in_front(void **state)
{
    (void) state;
    struct config *config = NULL;
    struct config_report report = { 0 };
    case_write("dueq.conf", 0600, "");
    config_report_add(&report, false, "other", 9, "before");
    assert_int_equal(config_load("dueq.conf", &config, &report), -EINVAL);
    assert_int_equal(report.count, 2);
    assert_string_equal(report.problems[0].text, "other:9: before");
    case_write("dueq.conf", 0600, CASE_SOURCE);
    assert_int_equal(config_load("dueq.conf", &config, &report),
                     0); /* its own errors count, not the others' */
    config_free(config);
    config_report_done(&report);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, case_setup, case_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_name_given_twice_names_both_lines),
        TEST(a_key_given_twice_names_both_lines),
        TEST(a_retry_policy_must_exist),
        TEST(a_source_has_a_socket_or_a_host),
        TEST(hosts_stand_in_place_of_a_host),
        TEST(a_schedule_and_a_curve_do_not_go_together),
        TEST(the_longest_delay_is_not_shorter_than_the_first),
        TEST(tls_with_half_a_key_pair_is_an_error),
        TEST(what_is_allowed_but_hardly_meant_is_a_warning),
        TEST(all_errors_are_reported_in_the_order_of_the_file),
        TEST(what_others_have_reported_stays_in_front),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
