#include "protection.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "config.h"

static const char *passed(const struct config_protect *bounds, struct server_load now)
{
    static char text[160];
    const struct server_load before = { .history = 0, .deadlocks = 100, .apply_queue = 0 };
    return protection_passed(bounds, &before, &now, 5, text, sizeof text);
}

static void without_bounds_nothing_is_passed(void **state)
{
    (void) state;
    assert_null(passed(&(struct config_protect){ 0 },
                       (struct server_load){ INT64_MAX, INT64_MAX, INT64_MAX }));
}

static void each_bound_is_passed_by_its_own_number_and_says_so(void **state)
{
    (void) state;
    const struct config_protect bounds = { .history = 1000, .deadlocks = 2, .apply_queue = 50 };
    assert_null(passed(&bounds, (struct server_load){ 1000, 110, 50 }));
    assert_non_null(strstr(passed(&bounds, (struct server_load){ 1001, 110, 50 }), "1001 entries"));
    assert_non_null(strstr(passed(&bounds, (struct server_load){ 0, 120, 0 }), "4 deadlocks"));
    assert_non_null(strstr(passed(&bounds, (struct server_load){ 0, 100, 51 }), "51 transactions"));
}

static void what_is_not_shown_is_not_passed(void **state)
{
    (void) state;
    const struct config_protect bounds = { .history = 1, .deadlocks = 1, .apply_queue = 1 };
    char text[160];
    const struct server_load hidden = { -1, -1, -1 }, shown = { -1, 1000000, -1 };
    assert_null(passed(&bounds, hidden));
    assert_null(protection_passed(&bounds, &hidden, &shown, 5, text, sizeof text));
    assert_null(protection_passed(&bounds, NULL, &shown, 5, text, sizeof text));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_bounds_nothing_is_passed),
        cmocka_unit_test(each_bound_is_passed_by_its_own_number_and_says_so),
        cmocka_unit_test(what_is_not_shown_is_not_passed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
