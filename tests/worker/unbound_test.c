#include "unbound.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#define SECOND INT64_C(1000000)

static void each_kind_is_counted_for_the_status(void **state)
{
    (void) state;
    struct unbound *unbound = unbound_new();
    struct buffer json = { 0 };

    unbound_count(unbound, "main", "mail", "no handler");
    unbound_count(unbound, "main", "a\"b", "no handler");
    unbound_count(unbound, "main", "mail", "no handler");
    unbound_append_json(unbound, &json);
    assert_string_equal(json.bytes, "{\"mail\":2,\"a\\\"b\":1}");
    buffer_done(&json);
    unbound_free(unbound);
}

static void a_flood_of_kinds_does_not_grow_without_end(void **state)
{
    (void) state;
    struct unbound *unbound = unbound_new();
    struct buffer json = { 0 };

    for (int i = 0; i < 5000; i++) {
        char kind[32];
        snprintf(kind, sizeof kind, "kind%d", i);
        unbound_count(unbound, "main", kind, "no handler");
    }
    unbound_append_json(unbound, &json);
    assert_true(json.len < 256 * 20);
    assert_non_null(strstr(json.bytes, "\"kind0\":1"));
    buffer_done(&json);
    unbound_free(unbound);
}

static void an_old_job_is_put_off_for_longer_within_bounds(void **state)
{
    (void) state;
    assert_int_equal(unbound_delay_us(0), 5 * SECOND);
    assert_int_equal(unbound_delay_us(-SECOND), 5 * SECOND);
    assert_int_equal(unbound_delay_us(60 * SECOND), 30 * SECOND);
    assert_int_equal(unbound_delay_us(86400 * SECOND), 300 * SECOND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_kind_is_counted_for_the_status),
        cmocka_unit_test(a_flood_of_kinds_does_not_grow_without_end),
        cmocka_unit_test(an_old_job_is_put_off_for_longer_within_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
