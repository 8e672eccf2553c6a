#include "error.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

static void words_are_kept_as_they_were_formatted(void **state)
{
    (void) state;
    struct error error = { 0 };
    error_set(&error, "queue %s: %d", "mail", 7);
    assert_string_equal(error.text, "queue mail: 7");
    error_set(&error, "another");
    assert_string_equal(error.text, "another");
}

static void a_context_goes_in_front_of_what_is_there(void **state)
{
    (void) state;
    struct error error = { 0 };
    error_set(&error, "no such file");
    error_prefix(&error, "reading %s", "x");
    error_prefix(&error, "starting");
    assert_string_equal(error.text, "starting: reading x: no such file");
}

static void what_does_not_fit_is_cut(void **state)
{
    (void) state;
    struct error error = { 0 };
    char text[2 * sizeof error.text];
    memset(text, 'x', sizeof text);
    text[sizeof text - 1] = '\0';

    error_set(&error, "%s", text);
    assert_int_equal(strlen(error.text), sizeof error.text - 1);
    error_prefix(&error, "context");
    assert_int_equal(strlen(error.text), sizeof error.text - 1);
    assert_memory_equal(error.text, "context: xxx", 12);
    error_prefix(&error, "%s", text);
    assert_int_equal(strlen(error.text), sizeof error.text - 1);
    assert_memory_equal(error.text, "xxx", 3);
}

static void nobody_has_to_want_the_words(void **state)
{
    (void) state;
    error_set(NULL, "%s", "unread");
    error_prefix(NULL, "%s", "unread");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_are_kept_as_they_were_formatted),
        cmocka_unit_test(a_context_goes_in_front_of_what_is_there),
        cmocka_unit_test(what_does_not_fit_is_cut),
        cmocka_unit_test(nobody_has_to_want_the_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
