#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#include "http_sender.h"
#include "http_server.h"
#include "signature.h"

/* What the receiver sees of a job. */

static const char *seen_header(struct http_server *server, size_t n, const char *name)
{
    const struct http_seen *seen = http_server_seen(server, n);
    assert_non_null(seen);
    return header_list_find(&seen->headers, name);
}

static void a_payload_arrives_byte_for_byte(void **state)
{
    (void) state;
    struct http_server server = { 0 };
    struct sender sender = { 0 };
    http_server_start(&server);
    sender_open(&sender, "http://127.0.0.1:%u/hooks", server.port);

    static const char payload[] = "a\0b\r\n\r\n\xff\xfe{";
    struct harness_job job;
    harness_job_init(&job, payload);
    job.job.payload_len = sizeof payload - 1;
    sender_run(&sender, &job);
    assert_int_equal(job.outcome, DUEQ_DONE);
    assert_string_equal(job.finish_message, "");
    harness_job_done(&job);

    const struct http_seen *seen = http_server_seen(&server, 0);
    assert_non_null(seen);
    assert_string_equal(seen->method, "POST");
    assert_string_equal(seen->path, "/hooks");
    assert_int_equal(seen->body_len, sizeof payload - 1);
    assert_memory_equal(seen->body, payload, sizeof payload - 1);
    sender_close(&sender);
    http_server_stop(&server);
}

static void an_empty_payload_is_a_request_with_an_empty_body(void **state)
{
    (void) state;
    struct http_server server = { 0 };
    struct sender sender = { 0 };
    http_server_start(&server);
    sender_open(&sender, "http://127.0.0.1:%u/", server.port);
    assert_int_equal(sender_send(&sender, "", NULL, 0), DUEQ_DONE);
    assert_string_equal(seen_header(&server, 0, "Content-Length"), "0");
    assert_int_equal(http_server_seen(&server, 0)->body_len, 0);
    sender_close(&sender);
    http_server_stop(&server);
}

static void a_payload_of_16_mib_needs_no_100_continue(void **state)
{
    (void) state;
    struct http_server server = { 0 };
    struct sender sender = { 0 };
    const size_t len = 16 * 1024 * 1024;
    char *payload = malloc(len + 1);
    assert_non_null(payload);
    for (size_t i = 0; i < len; i++)
        payload[i] = (char) ('a' + i % 26);
    payload[len] = '\0';
    http_server_start(&server);
    sender_open(&sender, "http://127.0.0.1:%u/", server.port);
    assert_int_equal(sender_send(&sender, payload, NULL, 0), DUEQ_DONE);
    assert_null(seen_header(&server, 0, "Expect"));
    assert_int_equal(http_server_seen(&server, 0)->body_len, len);
    assert_memory_equal(http_server_seen(&server, 0)->body, payload, len);
    sender_close(&sender);
    http_server_stop(&server);
    free(payload);
}

static void a_request_says_which_job_and_attempt_it_is(void **state)
{
    (void) state;
    struct http_server server = { 0 };
    struct sender sender = { 0 };
    http_server_start(&server);
    sender_open(&sender, "http://127.0.0.1:%u/", server.port);

    struct harness_job job;
    harness_job_init(&job, "{}");
    job.job.attempt = 3;
    job.job.max_attempts = 7;
    job.job.kind = "order.paid\r\nX-Evil: 1"; /* the schema would allow it */
    job.job.queue = "slow";
    job.job.created_at_us = 1700000000000042;
    sender_run(&sender, &job);
    assert_int_equal(job.outcome, DUEQ_DONE);

    assert_string_equal(seen_header(&server, 0, "Idempotency-Key"), job.job.message_id);
    assert_string_equal(seen_header(&server, 0, "Dueq-Message-Id"), job.job.message_id);
    assert_string_equal(seen_header(&server, 0, "Dueq-Kind"), "order.paid??X-Evil: 1");
    assert_null(seen_header(&server, 0, "X-Evil"));
    assert_string_equal(seen_header(&server, 0, "Dueq-Queue"), "slow");
    assert_string_equal(seen_header(&server, 0, "Dueq-Attempt"), "3");
    assert_string_equal(seen_header(&server, 0, "Dueq-Max-Attempts"), "7");
    assert_string_equal(seen_header(&server, 0, "Dueq-Created-At"), "1700000000.000042");
    assert_string_equal(seen_header(&server, 0, "Content-Type"), "application/json");
    assert_string_equal(seen_header(&server, 0, "User-Agent"), "dueq/" DUEQ_VERSION);
    assert_null(seen_header(&server, 0, "Dueq-Signature"));
    assert_null(seen_header(&server, 0, "Dueq-Timestamp"));
    harness_job_done(&job);
    sender_close(&sender);
    http_server_stop(&server);
}

static void options_shape_the_request(void **state)
{
    (void) state;
    static const char *const headers[] = { "Authorization: Bearer t",
                                           "X-Empty:", "Host: hooks.test" };
    struct http_server server = { 0 };
    struct sender sender = { 0 };
    http_server_start(&server);
    sender_option(&sender, "method", "PATCH");
    sender_option(&sender, "content_type", "text/csv");
    sender_option(&sender, "user_agent", "shop/2");
    sender_list(&sender, "headers", headers, 3);
    sender_open(&sender, "http://127.0.0.1:%u/", server.port);
    assert_int_equal(sender_send(&sender, "a,b", NULL, 0), DUEQ_DONE);
    assert_string_equal(http_server_seen(&server, 0)->method, "PATCH");
    assert_string_equal(http_server_seen(&server, 0)->body, "a,b");
    assert_string_equal(seen_header(&server, 0, "Content-Type"), "text/csv");
    assert_string_equal(seen_header(&server, 0, "User-Agent"), "shop/2");
    assert_string_equal(seen_header(&server, 0, "Authorization"), "Bearer t");
    assert_string_equal(seen_header(&server, 0, "X-Empty"), "");
    assert_string_equal(seen_header(&server, 0, "Host"), "hooks.test");
    sender_close(&sender);
    http_server_stop(&server);
}

static void set_headers(struct harness_job *job, const char *json)
{
    job->job.headers = json;
    job->job.headers_len = strlen(json);
}

static void a_producers_headers_are_passed_on(void **state)
{
    (void) state;
    struct http_server server = { 0 };
    struct sender sender = { 0 };
    http_server_start(&server);
    sender_open(&sender, "http://127.0.0.1:%u/", server.port);
    struct harness_job job;
    harness_job_init(&job, "hello");
    set_headers(&job, "{\"traceparent\":\"00-1-2-01\",\"content-type\":\"text/plain\","
                      "\"http\":{\"X-Shop\":\"7\",\"X-Blank\":\"  \"}}");
    sender_run(&sender, &job);
    assert_int_equal(job.outcome, DUEQ_DONE);
    assert_string_equal(seen_header(&server, 0, "traceparent"), "00-1-2-01");
    assert_string_equal(seen_header(&server, 0, "Content-Type"), "text/plain");
    assert_string_equal(seen_header(&server, 0, "X-Shop"), "7");
    assert_string_equal(seen_header(&server, 0, "X-Blank"), "");
    harness_job_done(&job);
    sender_close(&sender);
    http_server_stop(&server);
}

static void headers_that_cannot_be_sent_kill_the_job_and_reach_nobody(void **state)
{
    (void) state;
    struct http_server server = { 0 };
    struct sender sender = { 0 };
    http_server_start(&server);
    sender_open(&sender, "http://127.0.0.1:%u/", server.port);
    static const char *const bad[] = { "{\"http\":{\"Host\":\"elsewhere\"}}",
                                       "{\"http\":{\"X\":\"a\\r\\nHost: b\"}}", "[1]", "nonsense" };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct harness_job job;
        harness_job_init(&job, "{}");
        set_headers(&job, bad[i]);
        sender_run(&sender, &job);
        assert_int_equal(job.outcome, DUEQ_DEAD);
        assert_contains(job.finish_message, "the job's headers");
        harness_job_done(&job);
    }
    assert_int_equal(http_server_seen_count(&server), 0);
    sender_close(&sender);
    http_server_stop(&server);
}

/* As a receiver does it. */
static void assert_signed(struct http_server *server, const char *secret)
{
    char expected[SIGNATURE_SIZE];
    const struct http_seen *seen = http_server_seen(server, 0);
    assert_non_null(seen);
    const char *timestamp = header_list_find(&seen->headers, "Dueq-Timestamp");
    const char *signature = header_list_find(&seen->headers, "Dueq-Signature");
    assert_non_null(timestamp);
    assert_non_null(signature);
    int64_t timestamp_s = strtoll(timestamp, NULL, 10);
    assert_in_range(timestamp_s, time(NULL) - 60, time(NULL));
    assert_int_equal(
        signature_make(secret, strlen(secret), timestamp_s, seen->body, seen->body_len, expected),
        0);
    assert_string_equal(signature, expected);
}

static void a_request_is_signed_with_the_secret(void **state)
{
    (void) state;
    struct http_server server = { 0 };
    struct sender sender = { 0 };
    http_server_start(&server);
    sender_option(&sender, "secret", "whsec-1");
    sender_open(&sender, "http://127.0.0.1:%u/", server.port);
    struct harness_job job;
    harness_job_init(&job, "a\0b");
    job.job.payload_len = 3;
    sender_run(&sender, &job);
    assert_int_equal(job.outcome, DUEQ_DONE);
    harness_job_done(&job);
    assert_signed(&server, "whsec-1");
    sender_close(&sender);
    http_server_stop(&server);
}

static void a_secret_is_read_from_the_credentials_directory(void **state)
{
    (void) state;
    struct http_server server = { 0 };
    struct sender sender = { 0 };
    char directory[] = "/tmp/dueq-http-XXXXXX", path[64];
    assert_non_null(mkdtemp(directory));
    snprintf(path, sizeof path, "%s/hooks", directory);
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    fputs("whsec-2\n", file); /* as an editor ends it */
    fclose(file);
    setenv("CREDENTIALS_DIRECTORY", directory, 1);

    http_server_start(&server);
    sender_option(&sender, "secret_file", "hooks");
    sender_open(&sender, "http://127.0.0.1:%u/", server.port);
    unsetenv("CREDENTIALS_DIRECTORY");
    unlink(path);
    rmdir(directory);
    assert_int_equal(sender_send(&sender, "{}", NULL, 0), DUEQ_DONE);
    assert_signed(&server, "whsec-2");
    sender_close(&sender);
    http_server_stop(&server);
}

static void a_proxy_in_the_environment_is_ignored_and_one_that_is_set_is_used(void **state)
{
    (void) state;
    struct http_server server = { 0 };
    struct sender sender = { 0 };
    char proxy[64];
    http_server_start(&server);
    setenv("http_proxy", "http://127.0.0.1:1", 1);
    setenv("all_proxy", "http://127.0.0.1:1", 1);
    sender_open(&sender, "http://127.0.0.1:%u/direct", server.port);
    assert_int_equal(sender_send(&sender, "{}", NULL, 0), DUEQ_DONE);
    sender_close(&sender);

    setenv("no_proxy", "*", 1);
    snprintf(proxy, sizeof proxy, "http://127.0.0.1:%u", server.port);
    sender_option(&sender, "proxy", proxy);
    sender_open(&sender, "http://hooks.test/via");
    assert_int_equal(sender_send(&sender, "{}", NULL, 0), DUEQ_DONE);
    assert_string_equal(seen_header(&server, 1, "Host"), "hooks.test");
    sender_close(&sender);
    unsetenv("http_proxy");
    unsetenv("all_proxy");
    unsetenv("no_proxy");
    http_server_stop(&server);
}

static void a_password_in_the_url_is_sent_and_never_told(void **state)
{
    (void) state;
    const struct http_answer answer = { .status = 500 };
    struct http_server server = { .answers = &answer, .answer_count = 1 };
    struct sender sender = { 0 };
    char message[512], expected[64];
    http_server_start(&server);
    sender_open(&sender, "http://user:hunter2@127.0.0.1:%u/?token=hunter3", server.port);
    assert_int_equal(sender_send(&sender, "{}", message, sizeof message), DUEQ_RETRY);
    assert_string_equal(seen_header(&server, 0, "Authorization"), "Basic dXNlcjpodW50ZXIy");
    snprintf(expected, sizeof expected, "HTTP 500 from 127.0.0.1:%u", server.port);
    assert_string_equal(message, expected);
    http_server_stop(&server);

    /* Now nobody listens. */
    assert_int_equal(sender_send(&sender, "{}", message, sizeof message), DUEQ_RETRY);
    assert_lacks(message, "hunter");
    sender_close(&sender);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_payload_arrives_byte_for_byte),
        cmocka_unit_test(an_empty_payload_is_a_request_with_an_empty_body),
        cmocka_unit_test(a_payload_of_16_mib_needs_no_100_continue),
        cmocka_unit_test(a_request_says_which_job_and_attempt_it_is),
        cmocka_unit_test(options_shape_the_request),
        cmocka_unit_test(a_producers_headers_are_passed_on),
        cmocka_unit_test(headers_that_cannot_be_sent_kill_the_job_and_reach_nobody),
        cmocka_unit_test(a_request_is_signed_with_the_secret),
        cmocka_unit_test(a_secret_is_read_from_the_credentials_directory),
        cmocka_unit_test(a_proxy_in_the_environment_is_ignored_and_one_that_is_set_is_used),
        cmocka_unit_test(a_password_in_the_url_is_sent_and_never_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
