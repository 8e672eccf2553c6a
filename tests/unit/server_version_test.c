#include "server_version.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static bool will_do(const char *said)
{
    struct server_version version;
    server_version_read(said, &version);
    return server_version_will_do(&version);
}

static void mariadb_is_known_by_its_name_whatever_stands_in_front(void **state)
{
    (void) state;
    struct server_version version;
    server_version_read("5.5.5-10.11.6-MariaDB-0+deb12u1-log", &version);
    assert_true(version.mariadb);
    assert_int_equal(version.number, 101106);
    assert_string_equal(version.text, "10.11.6-MariaDB-0+deb12u1-log");
    server_version_read("9.7.0", &version);
    assert_false(version.mariadb);
    assert_int_equal(version.number, 90700);
}

static void servers_without_skip_locked_are_refused(void **state)
{
    (void) state;
    assert_false(will_do("10.5.23-MariaDB"));
    assert_false(will_do("5.5.5-10.3.39-MariaDB-log"));
    assert_false(will_do("5.7.44-log"));
    assert_false(will_do("8.0.15"));
    assert_false(will_do("nonsense"));
    assert_false(will_do(""));
}

static void the_oldest_that_will_do_and_later_ones_are_taken(void **state)
{
    (void) state;
    assert_true(will_do("10.6.0-MariaDB"));
    assert_true(will_do("5.5.5-10.6.18-MariaDB"));
    assert_true(will_do("11.8.2-MariaDB"));
    assert_true(will_do("8.0.16"));
    assert_true(will_do("8.4.5-0ubuntu1"));
    assert_true(will_do("9.7.0"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mariadb_is_known_by_its_name_whatever_stands_in_front),
        cmocka_unit_test(servers_without_skip_locked_are_refused),
        cmocka_unit_test(the_oldest_that_will_do_and_later_ones_are_taken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
