#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <cmocka.h>

#include "http_raw_server.h"
#include "http_sender.h"
#include "http_server.h"
#include "wait.h"

/* Many at once, and what is shared among them. */

enum { MANY = 1000 };
static struct harness_job jobs[MANY];

/* Stands in for the system's, to count; "many.test" is the loopback, "missing.test" does not exist.
 */
static atomic_int lookups;

__attribute__((visibility("default"))) int getaddrinfo(const char *name, const char *service,
                                                       const struct addrinfo *hints,
                                                       struct addrinfo **ret_list)
{
    int (*system_getaddrinfo)(const char *, const char *, const struct addrinfo *,
                              struct addrinfo **);
    *(void **) &system_getaddrinfo = dlsym(RTLD_NEXT, "getaddrinfo");
    if (name && strcmp(name, "many.test") == 0) {
        /* libcurl 7 asks for both families at once, libcurl 8.20 for each: one look-up. */
        if (!hints || hints->ai_family != AF_INET6)
            atomic_fetch_add(&lookups, 1);
        name = "127.0.0.1";
    }
    if (name && strcmp(name, "missing.test") == 0)
        return EAI_NONAME;
    return system_getaddrinfo(name, service, hints, ret_list);
}

static void allow_sockets(void)
{
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = limit.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    assert_true(limit.rlim_cur > 2 * MANY + 100); /* both ends of each connection are here */
}

static void begin(struct sender *sender, int from, int to)
{
    for (int i = from; i < to; i++) {
        harness_job_init(&jobs[i], "{\"a\":1}");
        jobs[i].job.id = (uint64_t) i;
        assert_int_equal(harness_run(&sender->harness, &jobs[i]), DUEQ_PENDING);
    }
}

static void end(int from, int to)
{
    for (int i = from; i < to; i++) {
        if (!harness_wait(&jobs[i]))
            fail_msg("job %d has not ended", i);
        if (jobs[i].outcome != DUEQ_DONE)
            fail_msg("job %d: %s", i, jobs[i].finish_message);
        assert_int_equal(jobs[i].finish_count, 1);
        harness_job_done(&jobs[i]);
    }
}

static void a_thousand_requests_are_in_flight_at_once(void **state)
{
    (void) state;
    struct http_server server = { .hold_until = MANY };
    struct sender sender = { 0 };
    allow_sockets();
    http_server_start(&server);
    sender_open(&sender, "http://127.0.0.1:%u/", server.port);
    begin(&sender, 0, MANY);
    end(0, MANY); /* none would, before all of them are there */
    assert_int_equal(http_server_seen_count(&server), MANY);
    sender_close(&sender);
    http_server_stop(&server);
}

static void a_thousand_requests_do_not_ask_a_thousand_times_for_a_name(void **state)
{
    (void) state;
    struct http_server server = { .hold_until = MANY };
    struct sender sender = { 0 };
    allow_sockets();
    atomic_store(&lookups, 0);
    http_server_start(&server);
    sender_open(&sender, "http://many.test:%u/", server.port);
    begin(&sender, 0, MANY);
    end(0, MANY);
    assert_in_range(atomic_load(&lookups), 1, 16);
    sender_close(&sender);
    http_server_stop(&server);
}

static void a_thousand_requests_are_cancelled_at_once(void **state)
{
    (void) state;
    struct http_server server = { .hold_until = UINT32_MAX };
    struct sender sender = { 0 };
    allow_sockets();
    http_server_start(&server);
    sender_open(&sender, "http://127.0.0.1:%u/", server.port);
    begin(&sender, 0, MANY);
    for (int i = 0; i < MANY; i++)
        harness_cancel(&jobs[i]);
    for (int i = 0; i < MANY; i++) {
        assert_true(harness_wait(&jobs[i]));
        assert_int_equal(jobs[i].outcome, DUEQ_RETRY);
        assert_contains(jobs[i].finish_message, "stopped by dueqd");
        harness_job_done(&jobs[i]);
    }
    sender_close(&sender);
    http_server_stop(&server);
}

static void a_thousand_look_ups_that_fail_keep_nobody_waiting(void **state)
{
    (void) state;
    struct sender sender = { 0 };
    sender_option(&sender, "breaker", "0");
    sender_open(&sender, "http://missing.test/");
    for (int i = 0; i < MANY; i++) {
        harness_job_init(&jobs[i], "{}");
        assert_int_equal(harness_run(&sender.harness, &jobs[i]), DUEQ_PENDING);
    }
    for (int i = 0; i < MANY; i++) {
        assert_true(harness_wait(&jobs[i]));
        assert_int_equal(jobs[i].outcome, DUEQ_RETRY);
        assert_contains(jobs[i].finish_message, "looking up missing.test"); /* each had its turn */
        harness_job_done(&jobs[i]);
    }
    sender_close(&sender);
}

static void requests_one_after_the_other_share_a_connection(void **state)
{
    (void) state;
    struct http_server server = { 0 };
    struct sender sender = { 0 };
    http_server_start(&server);
    sender_open(&sender, "http://127.0.0.1:%u/", server.port);
    for (int i = 0; i < 50; i++) {
        begin(&sender, 0, 1);
        end(0, 1);
    }
    assert_int_equal(http_server_seen_count(&server), 50);
    assert_int_equal(http_server_connection_count(&server), 1);
    sender_close(&sender);
    http_server_stop(&server);
}

static void failures_keep_the_connection_too(void **state)
{
    (void) state;
    const struct http_answer answer = { .status = 503, .body = "busy" };
    struct http_server server = { .answers = &answer, .answer_count = 1 };
    struct sender sender = { 0 };
    http_server_start(&server);
    sender_open(&sender, "http://127.0.0.1:%u/", server.port);
    for (int i = 0; i < 10; i++)
        assert_int_equal(sender_send(&sender, "{}", NULL, 0), DUEQ_RETRY);
    assert_int_equal(http_server_connection_count(&server), 1);
    sender_close(&sender);
    http_server_stop(&server);
}

static void never_more_connections_than(const char *option)
{
    struct http_server server = { 0 };
    struct sender sender = { 0 };
    http_server_start(&server);
    sender_option(&sender, option, "1");
    sender_open(&sender, "http://127.0.0.1:%u/", server.port);
    begin(&sender, 0, 500);
    end(0, 500); /* within the jobs' timeout, so the connection cannot have been idle between two */
    assert_int_equal(http_server_seen_count(&server), 500);
    assert_int_equal(http_server_connection_count(&server), 1);
    sender_close(&sender);
    http_server_stop(&server);
}

static void a_limit_of_connections_is_kept(void **state)
{
    (void) state;
    never_more_connections_than("max_connections");
    never_more_connections_than("max_host_connections");
}

static void waiting_for_a_connection_is_not_charged_as_connecting(void **state)
{
    (void) state;
    const struct http_answer answer = { .status = 200, .headers = { "Connection: close" } };
    struct http_server server = { .answers = &answer, .answer_count = 1, .hold_until = UINT32_MAX };
    struct sender sender = { 0 };
    http_server_start(&server);
    sender_option(&sender, "max_connections", "1");
    sender_option(&sender, "connect_timeout", "100ms");
    sender_open(&sender, "http://127.0.0.1:%u/", server.port);

    /* The first holds the only connection until the second's own time is over. */
    begin(&sender, 0, 1);
    assert_true(wait_until(http_server_holds_one, &server, 30));
    harness_job_init(&jobs[1], "{}");
    jobs[1].job.timeout_us = 600000;
    begin(&sender, 2, 3);
    assert_int_equal(harness_run(&sender.harness, &jobs[1]), DUEQ_PENDING);
    assert_true(harness_wait(&jobs[1]));
    assert_int_equal(jobs[1].outcome, DUEQ_RETRY);
    assert_contains(jobs[1].finish_message, "waiting for a connection to 127.0.0.1");
    harness_job_done(&jobs[1]);

    /* The third has waited much longer than connect_timeout, and takes its turn, with a new
     * connection. */
    http_server_release(&server);
    end(0, 1);
    end(2, 3);
    sender_close(&sender);
    http_server_stop(&server);
}

static void idle_connections_are_closed(void **state)
{
    (void) state;
    struct http_server server = { 0 };
    struct sender sender = { 0 };
    http_server_start(&server);
    sender_option(&sender, "idle_timeout", "10ms");
    sender_open(&sender, "http://127.0.0.1:%u/", server.port);
    for (int round = 0; round < 5; round++) {
        begin(&sender, 0, 20);
        end(0, 20);
        assert_true(wait_until(http_server_has_no_connection, &server, 30));
    }
    sender_close(&sender);
    http_server_stop(&server);
}

static void two_instances_work_side_by_side(void **state)
{
    (void) state;
    struct http_server server = { .hold_until = 20 };
    struct sender before = { 0 }, after = { 0 };
    http_server_start(&server);
    sender_open(&before, "http://127.0.0.1:%u/before", server.port);
    begin(&before, 0, 10);
    sender_open(&after, "http://127.0.0.1:%u/after", server.port); /* as for a reload */
    begin(&after, 10, 20);
    end(0, 10);
    sender_close(&before);
    end(10, 20);
    begin(&after, 0, 10);
    end(0, 10);
    sender_close(&after);
    http_server_stop(&server);
}

/* How many descriptors are connections to that port, and how many of these a child would inherit.
 */
static void count_connections(uint16_t port, int *ret_count, int *ret_inherited)
{
    *ret_count = *ret_inherited = 0;
    for (int fd = 0; fd < 1024; fd++) {
        struct sockaddr_in peer;
        socklen_t len = sizeof peer;
        if (getpeername(fd, (struct sockaddr *) &peer, &len) < 0 || peer.sin_family != AF_INET ||
            ntohs(peer.sin_port) != port)
            continue;
        ++*ret_count;
        *ret_inherited += !(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    }
}

static void a_connection_is_not_inherited_by_children(void **state)
{
    (void) state;
    struct http_server server = { 0 };
    struct sender sender = { 0 };
    int count, inherited;
    http_server_start(&server);
    sender_open(&sender, "http://127.0.0.1:%u/", server.port);
    begin(&sender, 0, 1);
    end(0, 1);
    count_connections(server.port, &count, &inherited);
    assert_int_equal(count, 1);
    assert_int_equal(inherited, 0);
    sender_close(&sender);
    http_server_stop(&server);
}

static size_t open_files(void)
{
    size_t count = 0;
    DIR *directory = opendir("/proc/self/fd");
    assert_non_null(directory);
    while (readdir(directory))
        count++;
    closedir(directory);
    return count;
}

static void closing_gives_back_every_descriptor(void **state)
{
    (void) state;
    struct http_server server = { 0 };
    http_server_start(&server);
    size_t before = 0;
    for (int round = 0; round < 4; round++) {
        struct sender sender = { 0 };
        if (round == 1)
            before = open_files(); /* the first round leaves what is opened once */
        sender_open(&sender, "http://127.0.0.1:%u/", server.port);
        begin(&sender, 0, 50);
        end(0, 50);
        sender_close(&sender);
        assert_true(wait_until(http_server_has_no_connection, &server, 30));
    }
    assert_int_equal(open_files(), before);
    http_server_stop(&server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_thousand_requests_are_in_flight_at_once),
        cmocka_unit_test(a_thousand_requests_do_not_ask_a_thousand_times_for_a_name),
        cmocka_unit_test(a_thousand_requests_are_cancelled_at_once),
        cmocka_unit_test(a_thousand_look_ups_that_fail_keep_nobody_waiting),
        cmocka_unit_test(requests_one_after_the_other_share_a_connection),
        cmocka_unit_test(failures_keep_the_connection_too),
        cmocka_unit_test(a_limit_of_connections_is_kept),
        cmocka_unit_test(waiting_for_a_connection_is_not_charged_as_connecting),
        cmocka_unit_test(idle_connections_are_closed),
        cmocka_unit_test(two_instances_work_side_by_side),
        cmocka_unit_test(a_connection_is_not_inherited_by_children),
        cmocka_unit_test(closing_gives_back_every_descriptor),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
