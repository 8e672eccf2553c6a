#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "harness.h"

/* What open() refuses, and in which words. */

static void assert_refused(const struct config_option *options, size_t count, const char *words)
{
    struct harness harness;
    assert_int_equal(harness_open(&harness, DUEQ_TEST_HANDLERS, "http", options, count), 0);
    assert_null(harness.binding);
    if (!harness_reported(&harness, words))
        fail_msg("expected '%s' in '%s'", words,
                 harness.report.count ? harness.report.problems[0].text : "no report");
    for (size_t i = 0; i < harness.report.count; i++)
        if (strstr(harness.report.problems[i].text, "hunter2"))
            fail_msg("told: %s", harness.report.problems[i].text);
    harness_close(&harness);
}

/* Beside a URL that is right. */
static void assert_option_refused(const char *name, const char *text, const char *words)
{
    const struct config_option options[] = {
        { .name = "url", .line = 2, .text = "http://127.0.0.1:9/" },
        { .name = name, .line = 3, .text = text },
    };
    assert_refused(options, 2, words);
}

static void assert_url_refused(const char *url, const char *words)
{
    const struct config_option option = { .name = "url", .line = 2, .text = url };
    assert_refused(&option, 1, words);
}

static void a_url_must_be_given(void **state)
{
    (void) state;
    assert_refused(NULL, 0, "url = \"https://");
}

static void a_url_must_be_one_for_http(void **state)
{
    (void) state;
    assert_url_refused("ftp://user:hunter2@shop.example/", "begins with http:// or https://");
    assert_url_refused("file:///etc/passwd", "begins with http:// or https://");
    assert_url_refused("shop.example/hooks", "expected a URL");
    assert_url_refused("http://", "expected a URL");
    assert_url_refused("", "expected a URL");
    assert_url_refused("http://user:hunter2@shop.example:port/", "expected a URL");
    assert_url_refused("http://shop.example/a b\r\nHost: c", "expected a URL");
}

static void a_method_must_be_one_with_a_body(void **state)
{
    (void) state;
    assert_option_refused("method", "GET", "\"POST\", \"PUT\" or \"PATCH\"");
    assert_option_refused("method", "post", "\"POST\", \"PUT\" or \"PATCH\"");
}

static void a_header_must_be_one_and_the_operators_to_set(void **state)
{
    (void) state;
    assert_option_refused("headers", "nonsense", "entry 1: expected \"Name: value\"");
    assert_option_refused("headers", "X: a\r\nY: b", "control character");
    assert_option_refused("headers", "X Y: hunter2", "not the name");
    assert_option_refused("headers", "Dueq-Kind: x", "set by the handler itself");
    assert_option_refused("headers", "Content-Length: 5", "set by the handler itself");
    assert_option_refused("headers", "Transfer-Encoding: chunked", "set by the handler itself");
    assert_option_refused("headers", "content-type: text/plain", "content_type");
    assert_option_refused("content_type", "a\nb", "without control characters");
    assert_option_refused("user_agent", "", "without control characters");
}

static void every_bad_header_is_named(void **state)
{
    (void) state;
    static const char *const lines[] = { "X: fine", "bad", "Host: fine", "worse" };
    const struct config_option options[] = {
        { .name = "url", .line = 2, .text = "http://127.0.0.1:9/" },
        { .name = "headers", .line = 3, .is_list = true, .items = lines, .item_count = 4 },
    };
    assert_refused(options, 2, "entry 2: ");
    assert_refused(options, 2, "entry 4: ");
}

static void numbers_and_times_have_bounds(void **state)
{
    (void) state;
    assert_option_refused("connect_timeout", "0", "connect_timeout");
    assert_option_refused("connect_timeout", "2h", "connect_timeout");
    assert_option_refused("idle_timeout", "soon", "idle_timeout");
    assert_option_refused("max_connections", "-1", "max_connections");
    assert_option_refused("max_host_connections", "100000", "max_host_connections");
    assert_option_refused("max_redirects", "0", "max_redirects");
    assert_option_refused("response_tail", "1000000", "response_tail");
    assert_option_refused("follow_redirects", "maybe", "follow_redirects");
    assert_option_refused("verify_tls", "maybe", "verify_tls");
}

static void a_secret_must_be_there(void **state)
{
    (void) state;
    assert_option_refused("secret", "", "expected 1 to");
    assert_option_refused("secret_file", "/nowhere/secret", "/nowhere/secret: No such file");
    assert_option_refused("secret_file", "/tmp", "Is a directory");
    assert_option_refused("secret_file", "/dev/null", "empty");
    assert_option_refused("secret_file", "/dev/zero", "larger than a secret");
    const struct config_option both[] = {
        { .name = "url", .line = 2, .text = "http://127.0.0.1:9/" },
        { .name = "secret", .line = 3, .text = "hunter2" },
        { .name = "secret_file", .line = 4, .text = "/dev/null" },
    };
    assert_refused(both, 3, "either secret or secret_file");
}

static void a_ca_file_and_a_proxy_must_be_usable(void **state)
{
    (void) state;
    assert_option_refused("ca_file", "/nowhere/ca.pem", "/nowhere/ca.pem: No such file");
    assert_option_refused("proxy", "ftp://user:hunter2@proxy.example", "expected host:port");
    assert_option_refused("proxy", "http://", "expected host:port");
}

static void an_option_that_does_not_exist_is_reported(void **state)
{
    (void) state;
    assert_option_refused("timeout", "5s", "timeout");
}

static void all_that_is_wrong_is_reported_at_once(void **state)
{
    (void) state;
    const struct config_option options[] = {
        { .name = "url", .line = 2, .text = "ftp://x/" },
        { .name = "method", .line = 3, .text = "GET" },
        { .name = "proxy", .line = 4, .text = "http://" },
    };
    assert_refused(options, 3, "options.url");
    assert_refused(options, 3, "options.method");
    assert_refused(options, 3, "options.proxy");
}

static void every_option_together_is_accepted(void **state)
{
    (void) state;
    static const char *const lines[] = { "X-Api-Key: k", "Host: hooks.test" };
    const struct config_option options[] = {
        { .name = "url", .text = "https://user:hunter2@[::1]:8443/hooks?x=1" },
        { .name = "method", .text = "PUT" },
        { .name = "content_type", .text = "text/plain; charset=utf-8" },
        { .name = "headers", .is_list = true, .items = lines, .item_count = 2 },
        { .name = "secret", .text = "s" },
        { .name = "connect_timeout", .text = "250ms" },
        { .name = "idle_timeout", .text = "1m" },
        { .name = "max_connections", .text = "64" },
        { .name = "max_host_connections", .text = "16" },
        { .name = "follow_redirects", .text = "true" },
        { .name = "max_redirects", .text = "5" },
        { .name = "verify_tls", .text = "true" },
        { .name = "ca_file", .text = "/dev/null" },
        { .name = "proxy", .text = "socks5h://127.0.0.1:1080" },
        { .name = "user_agent", .text = "shop" },
        { .name = "response_tail", .text = "4096" },
    };
    struct harness harness;
    harness_open_or_fail(&harness, DUEQ_TEST_HANDLERS, "http", options,
                         sizeof options / sizeof options[0]);
    harness_close(&harness);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_url_must_be_given),
        cmocka_unit_test(a_url_must_be_one_for_http),
        cmocka_unit_test(a_method_must_be_one_with_a_body),
        cmocka_unit_test(a_header_must_be_one_and_the_operators_to_set),
        cmocka_unit_test(every_bad_header_is_named),
        cmocka_unit_test(numbers_and_times_have_bounds),
        cmocka_unit_test(a_secret_must_be_there),
        cmocka_unit_test(a_ca_file_and_a_proxy_must_be_usable),
        cmocka_unit_test(an_option_that_does_not_exist_is_reported),
        cmocka_unit_test(all_that_is_wrong_is_reported_at_once),
        cmocka_unit_test(every_option_together_is_accepted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
