#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "http_sender.h"
#include "http_server.h"

/* What the receiver's answer makes of a job. */

struct expectation {
    unsigned status;
    enum dueq_outcome outcome;
};

static void every_class_of_status_has_its_outcome(void **state)
{
    (void) state;
    static const struct expectation expected[] = {
        { 200, DUEQ_DONE },  { 201, DUEQ_DONE },  { 202, DUEQ_DONE },  { 204, DUEQ_DONE },
        { 299, DUEQ_DONE },  { 300, DUEQ_DEAD },  { 304, DUEQ_DEAD },  { 400, DUEQ_DEAD },
        { 401, DUEQ_DEAD },  { 404, DUEQ_DEAD },  { 408, DUEQ_RETRY }, { 409, DUEQ_DEAD },
        { 410, DUEQ_DEAD },  { 413, DUEQ_DEAD },  { 422, DUEQ_DEAD },  { 425, DUEQ_RETRY },
        { 429, DUEQ_RETRY }, { 500, DUEQ_RETRY }, { 501, DUEQ_RETRY }, { 502, DUEQ_RETRY },
        { 503, DUEQ_RETRY }, { 504, DUEQ_RETRY }, { 599, DUEQ_RETRY },
    };
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++) {
        const struct http_answer answer = { .status = expected[i].status };
        struct http_server server = { .answers = &answer, .answer_count = 1 };
        struct sender sender = { 0 };
        char message[256], words[64];
        http_server_start(&server);
        sender_open(&sender, "http://127.0.0.1:%u/", server.port);
        enum dueq_outcome outcome = sender_send(&sender, "{}", message, sizeof message);
        snprintf(words, sizeof words, "HTTP %u from 127.0.0.1:%u", expected[i].status, server.port);
        if (outcome != expected[i].outcome)
            fail_msg("%u: expected %d, got %d: %s", expected[i].status, expected[i].outcome,
                     outcome, message);
        assert_string_equal(message, outcome == DUEQ_DONE ? "" : words);
        sender_close(&sender);
        http_server_stop(&server);
    }
}

static void send_to(const struct http_answer *answer, const char *response_tail,
                    struct harness_job *job)
{
    struct http_server server = { .answers = answer, .answer_count = 1 };
    struct sender sender = { 0 };
    http_server_start(&server);
    if (response_tail)
        sender_option(&sender, "response_tail", response_tail);
    sender_open(&sender, "http://127.0.0.1:%u/", server.port);
    harness_job_init(job, "{}");
    sender_run(&sender, job);
    sender_close(&sender);
    http_server_stop(&server);
}

static int64_t delay_after(unsigned status, const char *retry_after, const char *date)
{
    const struct http_answer answer = { .status = status, .headers = { retry_after, date } };
    struct harness_job job;
    send_to(&answer, NULL, &job);
    int64_t delay_us = job.delay_us;
    harness_job_done(&job);
    return delay_us;
}

static void retry_after_is_honoured(void **state)
{
    (void) state;
    assert_int_equal(delay_after(503, NULL, NULL), -1);
    assert_int_equal(delay_after(503, "Retry-After: 120", NULL), 120000000);
    assert_int_equal(delay_after(429, "Retry-After: 7", NULL), 7000000);
    assert_int_equal(delay_after(503, "Retry-After: Sun, 06 Nov 1994 08:51:37 GMT",
                                 "Date: Sun, 06 Nov 1994 08:49:37 GMT"),
                     120000000);
    assert_int_equal(delay_after(503, "Retry-After: soon", NULL), -1);
    assert_int_equal(delay_after(404, "Retry-After: 120", NULL), -1); /* dead: no delay */
}

static void the_end_of_the_answer_is_in_the_message(void **state)
{
    (void) state;
    const struct http_answer answer = {
        .status = 503, .body = "<html>\r\n\x1b[31mno \xc3\xa4pfel\n\n  today</html>\n"
    };
    struct harness_job job;
    send_to(&answer, NULL, &job);
    assert_contains(job.finish_message, ": <html> [31mno \xc3\xa4pfel today</html>");
    harness_job_done(&job);

    send_to(&answer, "13", &job);
    assert_contains(job.finish_message, ": ...today</html>");
    harness_job_done(&job);

    send_to(&answer, "22", &job); /* the first byte would be the second of a character */
    assert_contains(job.finish_message, ": ...pfel today</html>");
    harness_job_done(&job);

    send_to(&answer, "0", &job);
    assert_null(strstr(job.finish_message, ": ")); /* nothing behind the host */
    harness_job_done(&job);
}

static void a_redirect_is_not_followed_and_the_message_says_where_it_leads(void **state)
{
    (void) state;
    const struct http_answer answer = {
        .status = 302, .headers = { "Location: https://user:hunter2@elsewhere.test/login" }
    };
    struct http_server server = { .answers = &answer, .answer_count = 1 };
    struct sender sender = { 0 };
    char message[512];
    http_server_start(&server);
    sender_open(&sender, "http://127.0.0.1:%u/", server.port);
    assert_int_equal(sender_send(&sender, "{}", message, sizeof message), DUEQ_DEAD);
    assert_contains(message, "HTTP 302 from ");
    assert_contains(message, "redirects are not followed");
    assert_contains(message, "https://elsewhere.test/login");
    assert_lacks(message, "hunter2");
    assert_int_equal(http_server_seen_count(&server), 1);
    sender_close(&sender);
    http_server_stop(&server);
}

static void a_redirect_that_is_followed_keeps_method_and_payload(void **state)
{
    (void) state;
    static const unsigned statuses[] = { 301, 302, 303, 307, 308 };
    static const char *const methods[] = { "POST", "PUT" };
    for (size_t m = 0; m < 2; m++)
        for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++) {
            const struct http_answer answers[] = {
                { .path = "/old", .status = statuses[i], .headers = { "Location: /new" } },
                { .path = "/new", .status = 200 },
            };
            struct http_server server = { .answers = answers, .answer_count = 2 };
            struct sender sender = { 0 };
            http_server_start(&server);
            sender_option(&sender, "follow_redirects", "true");
            sender_option(&sender, "method", methods[m]);
            sender_open(&sender, "http://127.0.0.1:%u/old", server.port);
            assert_int_equal(sender_send(&sender, "{\"a\":1}", NULL, 0), DUEQ_DONE);
            const struct http_seen *second = http_server_seen(&server, 1);
            assert_non_null(second);
            assert_string_equal(second->method, methods[m]);
            assert_string_equal(second->path, "/new");
            assert_string_equal(second->body, "{\"a\":1}");
            sender_close(&sender);
            http_server_stop(&server);
        }
}

static void a_circle_of_redirects_ends_as_dead(void **state)
{
    (void) state;
    const struct http_answer answer = { .status = 307, .headers = { "Location: /again" } };
    struct http_server server = { .answers = &answer, .answer_count = 1 };
    struct sender sender = { 0 };
    char message[512];
    http_server_start(&server);
    sender_option(&sender, "follow_redirects", "true");
    sender_option(&sender, "max_redirects", "2");
    sender_open(&sender, "http://127.0.0.1:%u/", server.port);
    assert_int_equal(sender_send(&sender, "{}", message, sizeof message), DUEQ_DEAD);
    assert_contains(message, "redirected too often");
    assert_int_equal(http_server_seen_count(&server), 3);
    sender_close(&sender);
    http_server_stop(&server);
}

static void a_redirect_to_another_protocol_is_refused(void **state)
{
    (void) state;
    const struct http_answer answer = { .status = 302,
                                        .headers = { "Location: file:///etc/passwd" } };
    struct http_server server = { .answers = &answer, .answer_count = 1 };
    struct sender sender = { 0 };
    char message[512];
    http_server_start(&server);
    sender_option(&sender, "follow_redirects", "true");
    sender_open(&sender, "http://127.0.0.1:%u/", server.port);
    assert_int_equal(sender_send(&sender, "{}", message, sizeof message), DUEQ_DEAD);
    assert_contains(message, "file:///etc/passwd");
    sender_close(&sender);
    http_server_stop(&server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_class_of_status_has_its_outcome),
        cmocka_unit_test(retry_after_is_honoured),
        cmocka_unit_test(the_end_of_the_answer_is_in_the_message),
        cmocka_unit_test(a_redirect_is_not_followed_and_the_message_says_where_it_leads),
        cmocka_unit_test(a_redirect_that_is_followed_keeps_method_and_payload),
        cmocka_unit_test(a_circle_of_redirects_ends_as_dead),
        cmocka_unit_test(a_redirect_to_another_protocol_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
