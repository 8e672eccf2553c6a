#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

#include "http_certificate.h"
#include "http_sender.h"
#include "http_server.h"

struct tls_server {
    struct http_server server;
    char *certificate, *key;
    char ca_file[64];
};

/* answer: NULL for 200 */
static void start(struct tls_server *tls, const struct http_answer *answer)
{
    *tls = (struct tls_server){ 0 };
    certificate_make("hooks.test", &tls->certificate, &tls->key);
    certificate_write(tls->certificate, tls->ca_file);
    tls->server.certificate = tls->certificate;
    tls->server.key = tls->key;
    tls->server.answers = answer;
    tls->server.answer_count = answer ? 1 : 0;
    http_server_start(&tls->server);
}

static void server_stop(struct tls_server *tls)
{
    http_server_stop(&tls->server);
    unlink(tls->ca_file);
    free(tls->certificate);
    free(tls->key);
}

static void a_certificate_of_nobody_we_know_is_refused_and_retried(void **state)
{
    (void) state;
    struct tls_server tls;
    struct sender sender = { 0 };
    char message[512];
    start(&tls, NULL);
    sender_open(&sender, "https://127.0.0.1:%u/", tls.server.port);
    assert_int_equal(sender_send(&sender, "{}", message, sizeof message), DUEQ_RETRY);
    assert_contains(message, "the certificate of 127.0.0.1");
    assert_contains(message, "is not to be trusted");
    assert_int_equal(http_server_seen_count(&tls.server), 0);
    sender_close(&sender);
    server_stop(&tls);
}

static void a_certificate_in_ca_file_is_trusted(void **state)
{
    (void) state;
    struct tls_server tls;
    struct sender sender = { 0 };
    char message[512];
    start(&tls, NULL);
    sender_option(&sender, "ca_file", tls.ca_file);
    sender_open(&sender, "https://127.0.0.1:%u/", tls.server.port);
    if (sender_send(&sender, "{}", message, sizeof message) != DUEQ_DONE)
        fail_msg("%s", message);
    assert_string_equal(http_server_seen(&tls.server, 0)->body, "{}");
    sender_close(&sender);
    server_stop(&tls);
}

static void a_trusted_certificate_of_another_host_is_refused(void **state)
{
    (void) state;
    struct tls_server tls;
    struct sender sender = { 0 };
    char message[512];
    start(&tls, NULL);
    sender_option(&sender, "ca_file", tls.ca_file);
    sender_open(&sender, "https://localhost:%u/", tls.server.port);
    assert_int_equal(sender_send(&sender, "{}", message, sizeof message), DUEQ_RETRY);
    assert_contains(message, "the certificate of localhost");
    assert_int_equal(http_server_seen_count(&tls.server), 0);
    sender_close(&sender);
    server_stop(&tls);
}

static void without_verify_tls_any_certificate_will_do(void **state)
{
    (void) state;
    struct tls_server tls;
    struct sender sender = { 0 };
    start(&tls, NULL);
    sender_option(&sender, "verify_tls", "false");
    sender_open(&sender, "https://localhost:%u/", tls.server.port);
    assert_int_equal(sender_send(&sender, "{}", NULL, 0), DUEQ_DONE);
    sender_close(&sender);
    server_stop(&tls);
}

static void a_server_that_speaks_no_tls_is_retried(void **state)
{
    (void) state;
    struct http_server server = { 0 };
    struct sender sender = { 0 };
    char message[512];
    http_server_start(&server);
    sender_open(&sender, "https://127.0.0.1:%u/", server.port);
    assert_int_equal(sender_send(&sender, "{}", message, sizeof message), DUEQ_RETRY);
    assert_contains(message, "TLS handshake with 127.0.0.1");
    sender_close(&sender);
    http_server_stop(&server);
}

static void a_redirect_from_https_to_http_is_refused(void **state)
{
    (void) state;
    struct tls_server tls;
    struct sender sender = { 0 };
    struct http_server plain = { 0 };
    char message[512], location[64];
    http_server_start(&plain);
    snprintf(location, sizeof location, "Location: http://127.0.0.1:%u/", plain.port);
    const struct http_answer answer = { .status = 307, .headers = { location } };
    start(&tls, &answer);
    sender_option(&sender, "ca_file", tls.ca_file);
    sender_option(&sender, "follow_redirects", "true");
    sender_open(&sender, "https://127.0.0.1:%u/", tls.server.port);
    assert_int_equal(sender_send(&sender, "{}", message, sizeof message), DUEQ_DEAD);
    assert_contains(message, "HTTP 307");
    assert_int_equal(http_server_seen_count(&plain), 0);
    sender_close(&sender);
    server_stop(&tls);
    http_server_stop(&plain);
}

static void many_requests_over_tls_arrive(void **state)
{
    (void) state;
    enum { COUNT = 100 };
    static struct harness_job jobs[COUNT];
    struct tls_server tls;
    struct sender sender = { 0 };
    start(&tls, NULL);
    sender_option(&sender, "ca_file", tls.ca_file);
    sender_open(&sender, "https://127.0.0.1:%u/", tls.server.port);
    for (int i = 0; i < COUNT; i++) {
        harness_job_init(&jobs[i], "{}");
        assert_int_equal(harness_run(&sender.harness, &jobs[i]), DUEQ_PENDING);
    }
    for (int i = 0; i < COUNT; i++) {
        assert_true(harness_wait(&jobs[i]));
        assert_int_equal(jobs[i].outcome, DUEQ_DONE);
        harness_job_done(&jobs[i]);
    }
    assert_int_equal(http_server_seen_count(&tls.server), COUNT);
    sender_close(&sender);
    server_stop(&tls);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_certificate_of_nobody_we_know_is_refused_and_retried),
        cmocka_unit_test(a_certificate_in_ca_file_is_trusted),
        cmocka_unit_test(a_trusted_certificate_of_another_host_is_refused),
        cmocka_unit_test(without_verify_tls_any_certificate_will_do),
        cmocka_unit_test(a_server_that_speaks_no_tls_is_retried),
        cmocka_unit_test(a_redirect_from_https_to_http_is_refused),
        cmocka_unit_test(many_requests_over_tls_arrive),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
