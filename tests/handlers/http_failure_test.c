#include <dlfcn.h>
#include <netdb.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <cmocka.h>

#include "http_raw_server.h"
#include "http_sender.h"
#include "http_server.h"
#include "wait.h"

/* What happens when the receiver, the network or the name server does not behave. */

/* A name server of our own, in the place of the system's: libcurl calls this. */
static pthread_mutex_t names_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t names_changed = PTHREAD_COND_INITIALIZER;
static bool slow_name_may_answer; /* names_lock */
static int slow_lookups;          /* names_lock; under way */
static int slow_lookups_begun;    /* names_lock */
static bool lost_name_is_back;    /* names_lock */

__attribute__((visibility("default"))) int getaddrinfo(const char *name, const char *service,
                                                       const struct addrinfo *hints,
                                                       struct addrinfo **ret_list)
{
    int (*system_getaddrinfo)(const char *, const char *, const struct addrinfo *,
                              struct addrinfo **);
    *(void **) &system_getaddrinfo = dlsym(RTLD_NEXT, "getaddrinfo");

    if (name && strcmp(name, "missing.test") == 0)
        return EAI_NONAME;
    if (name && strcmp(name, "slow.test") == 0) {
        pthread_mutex_lock(&names_lock);
        slow_lookups++;
        slow_lookups_begun++;
        while (!slow_name_may_answer)
            pthread_cond_wait(&names_changed, &names_lock);
        slow_lookups--;
        pthread_mutex_unlock(&names_lock);
        return EAI_NONAME;
    }
    if (name && strcmp(name, "lost.test") == 0) {
        pthread_mutex_lock(&names_lock);
        bool known = lost_name_is_back;
        pthread_mutex_unlock(&names_lock);
        if (!known)
            return EAI_NONAME;
        name = "127.0.0.1";
    }
    return system_getaddrinfo(name, service, hints, ret_list);
}

static bool no_slow_lookup_is_left(void *unused)
{
    (void) unused;
    pthread_mutex_lock(&names_lock);
    bool none = slow_lookups == 0;
    pthread_mutex_unlock(&names_lock);
    return none;
}

static enum dueq_outcome send_raw(const char *bytes, enum raw_ending ending, char *message,
                                  size_t size)
{
    struct raw_server server;
    struct sender sender = { 0 };
    raw_server_start(&server, bytes, strlen(bytes), ending);
    sender_open(&sender, "http://127.0.0.1:%u/", server.port);
    enum dueq_outcome outcome = sender_send(&sender, "{}", message, size);
    sender_close(&sender);
    raw_server_stop(&server);
    return outcome;
}

static void a_refused_connection_is_retried(void **state)
{
    (void) state;
    struct sender sender = { 0 };
    char message[512], host[64];
    uint16_t port = raw_unused_port();
    sender_open(&sender, "http://127.0.0.1:%u/", port);
    assert_int_equal(sender_send(&sender, "{}", message, sizeof message), DUEQ_RETRY);
    snprintf(host, sizeof host, "connecting to 127.0.0.1:%u: ", port);
    assert_contains(message, host);
    sender_close(&sender);
}

static enum dueq_outcome send_until(struct sender *sender, enum dueq_outcome outcome)
{
    enum dueq_outcome said = DUEQ_PENDING;
    for (int i = 0; i < 200 && said != outcome; i++) {
        said = sender_send(sender, "{}", NULL, 0);
        nanosleep(&(struct timespec){ .tv_nsec = 50000000 }, NULL);
    }
    return said;
}

static void a_receiver_that_does_not_answer_is_probed_and_jobs_wait(void **state)
{
    (void) state;
    struct http_server server = { .answers = &(struct http_answer){ .status = 503 },
                                  .answer_count = 1 };
    struct sender sender = { 0 };
    http_server_start(&server);
    sender_option(&sender, "breaker", "3");
    sender_open(&sender, "http://127.0.0.1:%u/", server.port);
    for (int i = 0; i < 3; i++)
        assert_int_equal(sender_send(&sender, "{}", NULL, 0), DUEQ_RETRY);
    struct harness_job job;
    harness_job_init(&job, "{}");
    sender_run(&sender, &job);
    assert_int_equal(job.outcome, DUEQ_SNOOZE);
    assert_in_range(job.delay_us, 1000000, 1500000);
    harness_job_done(&job);
    assert_int_equal(http_server_seen_count(&server), 3);
    server.answer_count = 0; /* it works again */
    assert_int_equal(send_until(&sender, DUEQ_DONE), DUEQ_DONE);
    assert_int_equal(sender_send(&sender, "{}", NULL, 0), DUEQ_DONE);
    sender_close(&sender);
    http_server_stop(&server);
}

static void a_receiver_that_refuses_is_one_that_answers(void **state)
{
    (void) state;
    struct http_server server = { .answers = &(struct http_answer){ .status = 500 },
                                  .answer_count = 1 };
    struct sender sender = { 0 };
    http_server_start(&server);
    sender_option(&sender, "breaker", "2");
    sender_open(&sender, "http://127.0.0.1:%u/", server.port);
    for (int i = 0; i < 10; i++)
        assert_int_equal(sender_send(&sender, "{}", NULL, 0), DUEQ_RETRY);
    assert_int_equal(http_server_seen_count(&server), 10);
    sender_close(&sender);
    http_server_stop(&server);
}

static void a_host_that_does_not_exist_is_retried(void **state)
{
    (void) state;
    struct sender sender = { 0 };
    char message[512];
    sender_open(&sender, "http://missing.test/");
    assert_int_equal(sender_send(&sender, "{}", message, sizeof message), DUEQ_RETRY);
    assert_contains(message, "looking up missing.test: Could not resolve host");
    sender_close(&sender);
}

static bool is_delivered(void *sender)
{
    return sender_send(sender, "{}", NULL, 0) == DUEQ_DONE;
}

static void a_host_that_comes_back_is_found_soon(void **state)
{
    (void) state;
    struct http_server server = { 0 };
    struct sender sender = { 0 };
    http_server_start(&server);
    sender_open(&sender, "http://lost.test:%u/", server.port);
    assert_int_equal(sender_send(&sender, "{}", NULL, 0), DUEQ_RETRY);
    pthread_mutex_lock(&names_lock);
    lost_name_is_back = true;
    pthread_mutex_unlock(&names_lock);
    assert_true(wait_until(is_delivered, &sender, 15)); /* not the half minute of libcurl's cache */
    sender_close(&sender);
    http_server_stop(&server);
}

static void a_connection_closed_before_the_answer_is_retried(void **state)
{
    (void) state;
    char message[512];
    assert_int_equal(send_raw("", RAW_CLOSE, message, sizeof message), DUEQ_RETRY);
    assert_contains(message, "waiting for the response of 127.0.0.1");
    assert_int_equal(send_raw("", RAW_RESET, message, sizeof message), DUEQ_RETRY);
    assert_int_equal(send_raw("HTTP/1.1 200 OK\r\nContent-", RAW_CLOSE, message, sizeof message),
                     DUEQ_RETRY);
    assert_contains(message, "cut within its headers");
}

static void a_success_that_was_cut_is_retried(void **state)
{
    (void) state;
    char message[512];
    static const char head[] = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nbegun";
    assert_int_equal(send_raw(head, RAW_CLOSE, message, sizeof message), DUEQ_RETRY);
    assert_contains(message, "reading the response of 127.0.0.1");
    assert_contains(message, "(HTTP 200)");
    assert_int_equal(send_raw(head, RAW_RESET, message, sizeof message), DUEQ_RETRY);
    assert_int_equal(send_raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nbegun\r\n",
                              RAW_CLOSE, message, sizeof message),
                     DUEQ_RETRY);
}

static void a_refusal_that_was_cut_is_a_refusal(void **state)
{
    (void) state;
    char message[512];
    assert_int_equal(send_raw("HTTP/1.1 410 Gone\r\nContent-Length: 100\r\n\r\nit is", RAW_CLOSE,
                              message, sizeof message),
                     DUEQ_DEAD);
    assert_contains(message, "HTTP 410 from ");
    assert_contains(message, ": it is");
    assert_int_equal(send_raw("HTTP/1.1 410 Gone\r\nContent-Length: 100\r\n\r\n", RAW_RESET,
                              message, sizeof message),
                     DUEQ_DEAD);
    assert_int_equal(
        send_raw("HTTP/1.1 410 Gone\r\nContent-Len", RAW_CLOSE, message, sizeof message),
        DUEQ_RETRY); /* not even its head was whole */
}

static void an_answer_that_is_not_http_is_retried(void **state)
{
    (void) state;
    static const char *const garbage[] = {
        "SSH-2.0-OpenSSH_9.2\r\n",
        "\x15\x03\x01\x02\x02",
        "HTTP/1.1\r\n\r\n",
        "HTTP/1.1 abc OK\r\n\r\n",
        "HTTP/9.9 200 OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        "\r\n\r\n\r\n",
    };
    for (size_t i = 0; i < sizeof garbage / sizeof garbage[0]; i++) {
        char message[512];
        enum dueq_outcome outcome = send_raw(garbage[i], RAW_CLOSE, message, sizeof message);
        if (outcome != DUEQ_RETRY || !message[0])
            fail_msg("%zu: got %d: %s", i, outcome, message);
    }
}

static void an_endless_body_does_not_spoil_a_success(void **state)
{
    (void) state;
    char message[512];
    assert_int_equal(send_raw("HTTP/1.1 200 OK\r\n\r\nx", RAW_ENDLESS, message, sizeof message),
                     DUEQ_DONE);
    assert_string_equal(message, "");
}

static void an_endless_body_of_a_failure_is_quoted_in_part(void **state)
{
    (void) state;
    char message[4096];
    assert_int_equal(send_raw("HTTP/1.1 500 x\r\n\r\nx", RAW_ENDLESS, message, sizeof message),
                     DUEQ_RETRY);
    assert_contains(message, "HTTP 500 from 127.0.0.1");
    assert_contains(message, ": ...xxxxxx");
    assert_true(strlen(message) < 1024);
}

static void an_endless_head_is_given_up(void **state)
{
    (void) state;
    char message[512];
    /* Many lines; one endless line is what libcurl itself stops. */
    char bytes[300 * 1024] = "HTTP/1.1 200 OK\r\n";
    while (strlen(bytes) + 64 < sizeof bytes)
        strcat(bytes, "X-Padding: 0123456789012345678901234567890123456789\r\n");
    assert_int_equal(send_raw(bytes, RAW_STALL, message, sizeof message), DUEQ_RETRY);
    assert_contains(message, "headers have no end");
    assert_int_equal(send_raw("HTTP/1.1 200 OK\r\nX: y", RAW_ENDLESS, message, sizeof message),
                     DUEQ_RETRY);
}

static void without_a_descriptor_the_message_says_so(void **state)
{
    (void) state;
    struct sender sender = { 0 };
    struct rlimit limit, none;
    char message[512];
    sender_open(&sender, "http://127.0.0.1:%u/", raw_unused_port());
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    none = limit;
    none.rlim_cur = 3; /* what is open already stays so */
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    enum dueq_outcome outcome = sender_send(&sender, "{}", message, sizeof message);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    assert_int_equal(outcome, DUEQ_RETRY);
    assert_contains(message, "no socket could be opened: Too many open files");
    sender_close(&sender);
}

/* A timeout within which even a busy machine has the request sent: the message is about what comes
 * after that. */
enum { REACHED_US = 1000000 };

static void a_receiver_that_takes_too_long_is_given_up(void **state)
{
    (void) state;
    struct http_server server = { .hold_until = UINT32_MAX };
    struct sender sender = { 0 };
    http_server_start(&server);
    sender_open(&sender, "http://127.0.0.1:%u/", server.port);
    struct harness_job job;
    harness_job_init(&job, "{}");
    job.job.timeout_us = REACHED_US;
    sender_run(&sender, &job);
    assert_int_equal(job.outcome, DUEQ_RETRY);
    assert_int_equal(job.delay_us, -1);
    assert_contains(job.finish_message, "waiting for the response of 127.0.0.1");
    assert_contains(job.finish_message, "time");
    harness_job_done(&job);
    sender_close(&sender);
    http_server_stop(&server);
}

static void a_body_that_never_ends_nor_comes_is_given_up(void **state)
{
    (void) state;
    static const char bytes[] = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nab";
    struct raw_server server;
    struct sender sender = { 0 };
    raw_server_start(&server, bytes, strlen(bytes), RAW_STALL);
    sender_open(&sender, "http://127.0.0.1:%u/", server.port);
    struct harness_job job;
    harness_job_init(&job, "{}");
    job.job.timeout_us = REACHED_US;
    sender_run(&sender, &job);
    assert_int_equal(job.outcome, DUEQ_RETRY);
    assert_contains(job.finish_message, "reading the response of 127.0.0.1");
    harness_job_done(&job);
    sender_close(&sender);
    raw_server_stop(&server);
}

static void connecting_that_takes_too_long_is_given_up(const char *max_connections, int count)
{
    struct raw_server server; /* takes the connection, and knows nothing of TLS */
    struct sender sender = { 0 };
    struct harness_job jobs[3];
    raw_server_start(&server, "", 0, RAW_STALL);
    sender_option(&sender, "max_connections", max_connections);
    sender_option(&sender, "connect_timeout", "100ms");
    sender_open(&sender, "https://127.0.0.1:%u/", server.port);
    for (int i = 0; i < count; i++) {
        harness_job_init(&jobs[i], "{}");
        jobs[i].job.timeout_us = 0; /* none: nothing else ends it */
        assert_int_equal(harness_run(&sender.harness, &jobs[i]), DUEQ_PENDING);
    }
    for (int i = 0; i < count; i++) {
        assert_true(harness_wait(&jobs[i]));
        assert_int_equal(jobs[i].outcome, DUEQ_RETRY);
        assert_contains(jobs[i].finish_message, "connecting to 127.0.0.1"); /* it had its turn */
        harness_job_done(&jobs[i]);
    }
    sender_close(&sender);
    raw_server_stop(&server);
}

static void a_receiver_that_cannot_be_connected_to_is_given_up(void **state)
{
    (void) state;
    connecting_that_takes_too_long_is_given_up("0", 1);
    connecting_that_takes_too_long_is_given_up("1", 3); /* one after the other */
}

static void a_cancelled_job_is_given_up(void **state)
{
    (void) state;
    struct http_server server = { .hold_until = UINT32_MAX };
    struct sender sender = { 0 };
    http_server_start(&server);
    sender_open(&sender, "http://127.0.0.1:%u/", server.port);
    struct harness_job job;
    harness_job_init(&job, "{}");
    assert_int_equal(harness_run(&sender.harness, &job), DUEQ_PENDING);
    assert_true(wait_until(http_server_holds_one, &server, 30));
    harness_cancel(&job);
    assert_true(harness_wait(&job));
    assert_int_equal(job.outcome, DUEQ_RETRY);
    assert_contains(job.finish_message, "stopped by dueqd");
    harness_job_done(&job);
    sender_close(&sender);
    http_server_stop(&server);
}

static void a_name_server_that_does_not_answer_delays_nobody_else(void **state)
{
    (void) state;
    struct sender slow = { 0 }, cancelled = { 0 };
    struct harness_job slow_job, cancelled_job;
    sender_open(&slow, "http://slow.test/");
    sender_open(&cancelled, "http://slow.test/");

    harness_job_init(&slow_job, "{}");
    slow_job.job.timeout_us = 100000;
    sender_run(&slow,
               &slow_job); /* would wait for ever if giving up meant waiting for the look-up */
    assert_int_equal(slow_job.outcome, DUEQ_RETRY);
    assert_contains(slow_job.finish_message, "looking up slow.test");
    harness_job_done(&slow_job);

    harness_job_init(&cancelled_job, "{}");
    harness_cancel(&cancelled_job);
    sender_run(&cancelled, &cancelled_job);
    assert_int_equal(cancelled_job.outcome, DUEQ_RETRY);
    harness_job_done(&cancelled_job);

    sender_close(&slow); /* nor does the end */
    sender_close(&cancelled);
    pthread_mutex_lock(&names_lock);
    assert_true(slow_lookups_begun > 0); /* ours was asked, and had not answered */
    assert_int_equal(slow_lookups, slow_lookups_begun);
    slow_name_may_answer = true;
    pthread_cond_broadcast(&names_changed);
    pthread_mutex_unlock(&names_lock);
    assert_true(wait_until(no_slow_lookup_is_left, NULL, 30));
}

static void a_stale_connection_is_replaced(void **state)
{
    (void) state;
    struct raw_server server;
    struct sender sender = { 0 };
    /* Promises to keep the connection, and closes it. */
    static const char bytes[] = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
    raw_server_start(&server, bytes, strlen(bytes), RAW_RESET);
    sender_open(&sender, "http://127.0.0.1:%u/", server.port);
    for (int i = 0; i < 20; i++)
        assert_int_equal(sender_send(&sender, "{}", NULL, 0), DUEQ_DONE);
    sender_close(&sender);
    raw_server_stop(&server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_refused_connection_is_retried),
        cmocka_unit_test(a_receiver_that_does_not_answer_is_probed_and_jobs_wait),
        cmocka_unit_test(a_receiver_that_refuses_is_one_that_answers),
        cmocka_unit_test(a_host_that_does_not_exist_is_retried),
        cmocka_unit_test(a_host_that_comes_back_is_found_soon),
        cmocka_unit_test(a_connection_closed_before_the_answer_is_retried),
        cmocka_unit_test(a_success_that_was_cut_is_retried),
        cmocka_unit_test(a_refusal_that_was_cut_is_a_refusal),
        cmocka_unit_test(an_answer_that_is_not_http_is_retried),
        cmocka_unit_test(an_endless_body_does_not_spoil_a_success),
        cmocka_unit_test(an_endless_body_of_a_failure_is_quoted_in_part),
        cmocka_unit_test(an_endless_head_is_given_up),
        cmocka_unit_test(without_a_descriptor_the_message_says_so),
        cmocka_unit_test(a_receiver_that_takes_too_long_is_given_up),
        cmocka_unit_test(a_body_that_never_ends_nor_comes_is_given_up),
        cmocka_unit_test(a_receiver_that_cannot_be_connected_to_is_given_up),
        cmocka_unit_test(a_cancelled_job_is_given_up),
        cmocka_unit_test(a_name_server_that_does_not_answer_delays_nobody_else),
        cmocka_unit_test(a_stale_connection_is_replaced),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
