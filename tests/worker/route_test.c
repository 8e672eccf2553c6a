#include "route.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#define SECOND INT64_C(1000000)

static const struct config_host hosts[] = { { "a", 0 }, { "b", 3307 }, { "c", 0 } };
static const struct config_source three = { .hosts = hosts, .host_count = 3, .port = 3306 };
static const struct config_source one = { .host = "a", .port = 3306 };

static int setup(void **state)
{
    static struct route route;
    *state = &route;
    return route_init(&route, &three);
}

static int teardown(void **state)
{
    route_done(*state);
    return 0;
}

static void the_hosts_are_those_of_the_source_with_its_port_where_they_name_none(void **state)
{
    const struct route *route = *state;
    assert_int_equal(route->count, 3);
    assert_int_equal(route->hosts[0].port, 3306);
    assert_int_equal(route->hosts[1].port, 3307);
    assert_string_equal(route->hosts[route->current].host, "a");
}

static void a_failure_leads_to_the_next_host_at_once(void **state)
{
    struct route *route = *state;
    assert_int_equal(route_failed(route, 0, SECOND), SECOND);
    assert_int_equal(route->current, 1);
    assert_int_equal(route_failed(route, 0, SECOND), SECOND); /* another connection to the same */
    assert_int_equal(route->current, 1);
    assert_int_equal(route_failed(route, 1, SECOND), SECOND);
    assert_int_equal(route->current, 2);
}

static void where_all_have_failed_the_first_whose_time_comes_is_waited_for(void **state)
{
    struct route *route = *state;
    for (size_t i = 0; i < 3; i++)
        route_failed(route, i, SECOND + (int64_t) i * 1000);
    assert_int_equal(route->current, 0);
    int64_t retry_us = route_failed(route, 2, SECOND + 3000);
    assert_in_range(retry_us, SECOND + 3000 + 98500, SECOND + 200000);
    /* Each round doubles the pause of each. */
    int64_t now_us = SECOND + 200000;
    for (int round = 0; round < 10; round++)
        for (size_t i = 0; i < 3; i++) {
            now_us += 15 * SECOND;
            route_failed(route, route->current, now_us);
        }
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(route->hosts[i].pause_us, 15 * SECOND);
    route_worked(route, 1);
    assert_int_equal(route->hosts[1].pause_us, 0);
}

static void connections_that_break_together_are_one_failure(void **state)
{
    struct route *route = *state;
    for (int i = 0; i < 10; i++)
        route_failed(route, 0, SECOND + i);
    assert_int_equal(route->hosts[0].pause_us, 200000);
}

static void a_single_host_is_tried_again_after_growing_pauses(void **state)
{
    struct route route;
    int64_t now_us = SECOND, pause_us = 200000;
    (void) state;
    assert_int_equal(route_init(&route, &one), 0);
    for (int i = 0; i < 10; i++) {
        int64_t retry_us = route_failed(&route, 0, now_us);
        assert_int_equal(route.current, 0);
        assert_in_range(retry_us - now_us, pause_us / 2, pause_us);
        now_us = retry_us;
        pause_us = pause_us * 2 < 15 * SECOND ? pause_us * 2 : 15 * SECOND;
    }
    route_done(&route);
}

int main(void)
{
#define test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        test(the_hosts_are_those_of_the_source_with_its_port_where_they_name_none),
        test(a_failure_leads_to_the_next_host_at_once),
        test(where_all_have_failed_the_first_whose_time_comes_is_waited_for),
        test(connections_that_break_together_are_one_failure),
        test(a_single_host_is_tried_again_after_growing_pauses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
