/* What an open() is told of `options = { … }`, and what the user is told of mistakes in them. */
#include "options.h"

#include <stdio.h>
#include <string.h>

#include "directory.h"
#include "fail.h"
#include "loading.h"
#include "plugins/recorder.h"
#include "suggest.h"

static int begin(void **state)
{
    static struct loading loading;
    loading_init(&loading);
    loading_install(&loading, "recorder", "recorder.so");
    *state = &loading;
    return 0;
}

static int end(void **state)
{
    loading_done(*state);
    return 0;
}

/* The recorder, bound to the kind "a" by line 10 with one option in line 12; NULL where it was
 * refused. */
static const struct recorder *open_with(struct loading *loading, const char *name, const char *text)
{
    static struct config_option option;
    option = (struct config_option){ .name = name, .line = 12, .text = text };
    struct config_kind *line = loading_bind(loading, "a", "recorder");
    line->options = &option;
    line->option_count = 1;
    loading_run(loading);
    const struct binding *binding = registry_find(loading->registry, "a");
    return binding ? binding->instance : NULL;
}

static const struct recorder *open_with_list(struct loading *loading, const char *name)
{
    static const char *const items[] = { "one", "two", NULL };
    static struct config_option option;
    option = (struct config_option){
        .name = name, .line = 12, .is_list = true, .items = items, .item_count = 2
    };
    struct config_kind *line = loading_bind(loading, "a", "recorder");
    line->options = &option;
    line->option_count = 1;
    loading_run(loading);
    const struct binding *binding = registry_find(loading->registry, "a");
    return binding ? binding->instance : NULL;
}

static void options_that_are_absent_have_their_fallbacks(void **state)
{
    struct loading *loading = *state;
    loading_bind(loading, "a", "recorder");
    loading_run(loading);
    const struct recorder *recorder = registry_find(loading->registry, "a")->instance;
    assert_string_equal(recorder->text, "nothing");
    assert_null(recorder->list);
    assert_int_equal(recorder->list_count, 0);
    assert_int_equal(recorder->count, 5);
    assert_false(recorder->flag);
    assert_int_equal(recorder->pause_us, 60000000);
}

static void a_string_is_given_as_it_is_written(void **state)
{
    assert_string_equal(open_with(*state, "text", " 42 ")->text, " 42 ");
}

static void an_integer_may_be_as_small_as_its_minimum(void **state)
{
    assert_int_equal(open_with(*state, "count", "1")->count, 1);
}

static void an_integer_may_be_as_large_as_its_maximum(void **state)
{
    assert_int_equal(open_with(*state, "count", "10")->count, 10);
}

static void true_is_a_boolean(void **state)
{
    assert_true(open_with(*state, "flag", "true")->flag);
}

static void false_is_a_boolean(void **state)
{
    assert_false(open_with(*state, "flag", "false")->flag);
}

static void a_duration_has_units(void **state)
{
    assert_int_equal(open_with(*state, "pause", "1m30s")->pause_us, 90000000);
}

static void a_list_is_given_with_its_end(void **state)
{
    const struct recorder *recorder = open_with_list(*state, "list");
    assert_int_equal(recorder->list_count, 2);
    assert_string_equal(recorder->list[0], "one");
    assert_string_equal(recorder->list[1], "two");
    assert_null(recorder->list[2]);
}

static void a_single_value_is_a_list_of_one(void **state)
{
    const struct recorder *recorder = open_with(*state, "list", "alone");
    assert_int_equal(recorder->list_count, 1);
    assert_string_equal(recorder->list[0], "alone");
    assert_null(recorder->list[1]);
}

static void assert_refused(struct loading *loading, const char *place, const char *reason)
{
    assert_true(loading_reported_only(loading, place, reason));
    assert_null(registry_find(loading->registry, "a"));
}

static void an_integer_out_of_bounds_is_refused(void **state)
{
    assert_null(open_with(*state, "count", "11"));
    assert_refused(*state, "dueq.conf:12: kinds[0].options.count: ",
                   "expected an integer from 1 to 10, found '11'");
}

static void what_is_no_integer_is_refused(void **state)
{
    static const char *const wrong[] = { "five", "",   " 5",
                                         "5 ",   "+5", "5.0",
                                         "0x5",  "-",  "99999999999999999999" };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct loading *loading = *state;
        assert_null(open_with(loading, "count", wrong[i]));
        assert_refused(loading, "options.count: ", "expected an integer");
        end(state);
        begin(state);
    }
}

static void an_integer_that_no_int64_holds_is_refused(void **state)
{
    (void) state;
    static const struct config_option numbers[] = {
        { .name = "least", .line = 1, .text = "-9223372036854775808" },
        { .name = "less", .line = 2, .text = "-9223372036854775809" },
        { .name = "more", .line = 3, .text = "9223372036854775808" },
    };
    struct options_place place = { .file = "dueq.conf", .line = 1, .handler = "any" };
    struct dueq_options *options = options_new(&place, numbers, 3);
    assert_non_null(options);
    int64_t value = 7;
    assert_int_equal(options_integer(options, "less", INT64_MIN, INT64_MAX, 0, &value), -1);
    assert_int_equal(options_integer(options, "more", INT64_MIN, INT64_MAX, 0, &value), -1);
    assert_int_equal(value, 7);
    assert_int_equal(options_integer(options, "least", INT64_MIN, INT64_MAX, 0, &value), 0);
    assert_true(value == INT64_MIN);
    options_free(options);
}

static void what_is_no_boolean_is_refused(void **state)
{
    assert_null(open_with(*state, "flag", "yes"));
    assert_refused(*state,
                   "dueq.conf:12: kinds[0].options.flag: ", "expected true or false, found 'yes'");
}

static void a_duration_out_of_bounds_is_refused(void **state)
{
    assert_null(open_with(*state, "pause", "500ms"));
    assert_refused(*state, "dueq.conf:12: kinds[0].options.pause: ",
                   "expected a duration from 1s to 1h, found '500ms'");
}

static void a_number_without_unit_is_no_duration(void **state)
{
    assert_null(open_with(*state, "pause", "30"));
    assert_refused(*state, "options.pause: ", "found '30'");
}

static void a_list_is_no_string(void **state)
{
    assert_null(open_with_list(*state, "text"));
    assert_refused(*state,
                   "dueq.conf:12: kinds[0].options.text: ", "expected a string, found a list");
}

static void a_list_is_no_integer(void **state)
{
    assert_null(open_with_list(*state, "count"));
    assert_refused(*state, "options.count: ", "found a list");
}

static void an_open_that_does_not_care_is_refused_all_the_same_and_closed(void **state)
{
    struct loading *loading = *state;
    char trace[512];
    snprintf(trace, sizeof trace, "%s", loading_path(loading, "trace"));
    const struct config_option options[] = {
        { .name = "trace", .line = 11, .text = trace },
        { .name = "shrug", .line = 12, .text = "true" },
        { .name = "count", .line = 13, .text = "99" },
        { .name = "pause", .line = 14, .text = "soon" },
    };
    struct config_kind *line = loading_bind(loading, "a", "recorder");
    line->options = options;
    line->option_count = 4;
    loading_run(loading);
    assert_int_equal(loading->report.error_count, 2); /* all that is wrong, not the first of it */
    assert_true(loading_reported(loading, "dueq.conf:13: ", "options.count"));
    assert_true(loading_reported(loading, "dueq.conf:14: ", "options.pause"));
    assert_null(registry_find(loading->registry, "a"));
    char *text = test_file_read(trace);
    assert_string_equal(text, "open a\nclose a\n");
    free(text);
}

static void an_option_that_was_never_asked_for_is_unknown(void **state)
{
    assert_null(open_with(*state, "cuont", "3"));
    assert_refused(*state, "dueq.conf:12: kinds[0].options.cuont: ",
                   "handler 'recorder' has no such option; did you mean 'count'?");
}

static void an_option_that_is_like_none_gets_no_suggestion(void **state)
{
    assert_null(open_with(*state, "temperature", "3"));
    assert_refused(*state, "options.temperature: ", "has no such option");
    assert_null(strstr(((struct loading *) *state)->report.problems[0].text, "did you mean"));
}

static void a_group_where_a_plain_option_belongs_is_told_so(void **state)
{
    assert_null(open_with(*state, "text.first", "3"));
    assert_refused(
        *state, "options.text.first: ", "'text' is an option of handler 'recorder', but no group");
}

static void a_plugin_without_open_takes_no_options(void **state)
{
    struct loading *loading = *state;
    const struct config_option option = { .name = "any", .line = 12, .text = "1" };
    loading_install(loading, "shape", "shape.so");
    struct config_kind *line = loading_bind(loading, "b", "shape");
    line->options = &option;
    line->option_count = 1;
    loading_run(loading);
    assert_true(loading_reported_only(
        loading, "dueq.conf:12: kinds[0].options.any: ", "handler 'shape' has no such option"));
    assert_null(registry_find(loading->registry, "b"));
}

static void a_failed_open_is_an_error_of_its_line(void **state)
{
    assert_null(open_with(*state, "refuse", "silently"));
    assert_refused(
        *state, "dueq.conf:10: kinds[0]: handler 'recorder': ", "open() failed and gave no reason");
}

static void a_failed_open_says_why(void **state)
{
    assert_null(open_with(*state, "refuse", "in general"));
    assert_refused(
        *state, "dueq.conf:10: kinds[0]: handler 'recorder': ", "the moon is in the seventh house");
}

static void a_missing_option_is_named_at_its_line_of_kinds(void **state)
{
    assert_null(open_with(*state, "refuse", "for want of an option"));
    assert_refused(*state, "dueq.conf:10: kinds[0].options.url: ", "required");
}

static void a_bad_option_is_named_at_its_own_line(void **state)
{
    assert_null(open_with(*state, "refuse", "for another option"));
    assert_refused(*state, "dueq.conf:12: kinds[0].options.refuse: ", "not today");
}

static void a_refused_line_does_not_stop_the_others(void **state)
{
    struct loading *loading = *state;
    loading_bind(loading, "good", "recorder");
    assert_null(open_with(loading, "refuse", "silently"));
    loading_bind(loading, "unused", "recorder");
    assert_true(loading_reported_only(loading, "dueq.conf:20: kinds[1]: ", "open() failed"));
    assert_string_equal(loading_handler_of(loading, "good"), "recorder");
    assert_int_equal(registry_find(loading->registry, "good")->index, 0);
}

static void the_nearest_name_is_suggested_unless_two_are(void **state)
{
    (void) state;
    static const char *const names[] = { "sleep", "delay", "payload", "journal", "journal_end" };
    assert_string_equal(suggest_name("slep", names, 5), "sleep");
    assert_string_equal(suggest_name("sleeps", names, 5), "sleep");
    assert_string_equal(suggest_name("dealy", names, 5), "delay");
    assert_string_equal(suggest_name("jornal-end", names, 5), "journal_end");
    assert_null(suggest_name("retries", names, 5));
    assert_null(suggest_name("", names, 5));
    assert_null(suggest_name("x", names, 0));
    static const char *const twins[] = { "port_a", "port_b" };
    assert_null(suggest_name("port_c", twins, 2));
}

#define options_test(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        options_test(options_that_are_absent_have_their_fallbacks),
        options_test(a_string_is_given_as_it_is_written),
        options_test(an_integer_may_be_as_small_as_its_minimum),
        options_test(an_integer_may_be_as_large_as_its_maximum),
        options_test(true_is_a_boolean),
        options_test(false_is_a_boolean),
        options_test(a_duration_has_units),
        options_test(a_list_is_given_with_its_end),
        options_test(a_single_value_is_a_list_of_one),
        options_test(an_integer_out_of_bounds_is_refused),
        options_test(what_is_no_integer_is_refused),
        cmocka_unit_test(an_integer_that_no_int64_holds_is_refused),
        options_test(what_is_no_boolean_is_refused),
        options_test(a_duration_out_of_bounds_is_refused),
        options_test(a_number_without_unit_is_no_duration),
        options_test(a_list_is_no_string),
        options_test(a_list_is_no_integer),
        options_test(an_open_that_does_not_care_is_refused_all_the_same_and_closed),
        options_test(an_option_that_was_never_asked_for_is_unknown),
        options_test(an_option_that_is_like_none_gets_no_suggestion),
        options_test(a_group_where_a_plain_option_belongs_is_told_so),
        options_test(a_plugin_without_open_takes_no_options),
        options_test(a_failed_open_is_an_error_of_its_line),
        options_test(a_failed_open_says_why),
        options_test(a_missing_option_is_named_at_its_line_of_kinds),
        options_test(a_bad_option_is_named_at_its_own_line),
        options_test(a_refused_line_does_not_stop_the_others),
        options_test(the_nearest_name_is_suggested_unless_two_are),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
