/* Which instances are opened, and which kind finds which of them. */
#include "registry.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "directory.h"
#include "fail.h"
#include "harness.h"
#include "loading.h"
#include "plugins/recorder.h"

static int begin(void **state)
{
    static struct loading loading;
    loading_init(&loading);
    *state = &loading;
    return 0;
}

static int end(void **state)
{
    loading_done(*state);
    return 0;
}

static const char *pattern_of(const struct loading *loading, const char *kind)
{
    const struct binding *binding = registry_find(loading->registry, kind);
    return binding ? binding->pattern : "(unbound)";
}

static void an_exact_name_goes_before_a_prefix_and_a_long_prefix_before_a_short_one(void **state)
{
    struct loading *loading = *state;
    loading_install(loading, "shape", "shape.so");
    loading_bind(loading, "*", "shape");
    loading_bind(loading, "order.*", "shape");
    loading_bind(loading, "order.paid", "shape");
    loading_bind(loading, "order.eu.*", "shape");
    loading_run(loading);
    assert_int_equal(loading->report.count, 0);
    assert_string_equal(pattern_of(loading, "order.paid"), "order.paid");
    assert_string_equal(pattern_of(loading, "order.pai"), "order.*");
    assert_string_equal(pattern_of(loading, "order.paid.twice"), "order.*");
    assert_string_equal(pattern_of(loading, "order.eu.paid"), "order.eu.*");
    assert_string_equal(pattern_of(loading, "order.eu"), "order.*");
    assert_string_equal(pattern_of(loading, "order.europe"), "order.*");
    assert_string_equal(pattern_of(loading, "order"), "*");
    assert_string_equal(pattern_of(loading, "orders.paid"), "*");
    assert_string_equal(pattern_of(loading, "mail"), "*");
}

static void a_prefix_does_not_take_the_kind_before_its_dot(void **state)
{
    struct loading *loading = *state;
    loading_install(loading, "shape", "shape.so");
    loading_bind(loading, "order.*", "shape");
    loading_run(loading);
    assert_string_equal(pattern_of(loading, "order.a.b"), "order.*");
    assert_string_equal(pattern_of(loading, "order"), "(unbound)");
    assert_string_equal(pattern_of(loading, "ordering.a"), "(unbound)");
    assert_string_equal(pattern_of(loading, ""), "(unbound)");
}

static void any_line_goes_before_a_handlers_own_name(void **state)
{
    struct loading *loading = *state;
    loading_install(loading, "shape", "shape.so");
    loading_install(loading, "recorder", "recorder.so");
    loading_bind(loading, "*", "shape");
    loading_run(loading);
    assert_string_equal(loading_handler_of(loading, "recorder"), "shape");
}

static void a_plugin_that_a_line_names_is_bound_to_its_own_name_all_the_same(void **state)
{
    struct loading *loading = *state;
    loading_install(loading, "shape", "shape.so");
    loading_bind(loading, "order.*", "shape");
    loading_run(loading);
    assert_string_equal(pattern_of(loading, "order.paid"), "order.*");
    assert_string_equal(pattern_of(loading, "shape"), "shape");
}

static void a_line_with_a_handlers_own_name_is_the_only_instance_for_it(void **state)
{
    struct loading *loading = *state;
    loading_install(loading, "shape", "shape.so");
    const struct config_kind *line = loading_bind(loading, "shape", "shape");
    loading_run(loading);
    assert_int_equal(registry_count(loading->registry), 1);
    assert_ptr_equal(registry_find(loading->registry, "shape")->config, line);
}

static void bindings_are_numbered_in_the_order_they_were_opened(void **state)
{
    struct loading *loading = *state;
    loading_install(loading, "shape", "shape.so");
    loading_install(loading, "recorder", "recorder.so");
    const struct config_kind *line = loading_bind(loading, "a", "shape");
    loading_bind(loading, "b", "shape");
    loading_run(loading);
    assert_int_equal(registry_count(loading->registry), 4);
    static const char *const patterns[] = { "a", "b", "recorder", "shape" };
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(registry_at(loading->registry, i)->index, i);
        assert_string_equal(registry_at(loading->registry, i)->pattern, patterns[i]);
    }
    assert_ptr_equal(registry_at(loading->registry, 0)->config, line);
    assert_ptr_equal(registry_find(loading->registry, "b"), registry_at(loading->registry, 1));
}

static void a_line_whose_handler_is_not_there_names_what_is(void **state)
{
    struct loading *loading = *state;
    loading_install(loading, "shape", "shape.so");
    loading_install(loading, "recorder", "recorder.so");
    loading_bind(loading, "a", "shape");
    loading_bind(loading, "b", "recoder");
    loading_run(loading);
    assert_true(loading_reported_only(loading, "dueq.conf:20: kinds[1].handler: ",
                                      "is named 'recoder'; did you mean 'recorder'?"));
    assert_true(loading_reported(loading, "(loaded: recorder, shape)", loading->directory));
    assert_string_equal(pattern_of(loading, "a"), "a");
    assert_string_equal(pattern_of(loading, "b"), "(unbound)");
}

static void each_line_has_an_instance_of_its_own(void **state)
{
    struct loading *loading = *state;
    static const struct config_option text[] = { { .name = "text", .line = 21, .text = "second" } };
    loading_install(loading, "recorder", "recorder.so");
    loading_bind(loading, "a", "recorder");
    struct config_kind *second = loading_bind(loading, "b.*", "recorder");
    second->options = text;
    second->option_count = 1;
    loading_run(loading);
    assert_int_equal(loading->report.count, 0);
    const struct recorder *a = registry_find(loading->registry, "a")->instance;
    const struct recorder *b = registry_find(loading->registry, "b.c")->instance;
    assert_string_equal(a->text, "nothing");
    assert_string_equal(a->host->kind, "a");
    assert_string_equal(b->text, "second");
    assert_string_equal(b->host->kind, "b.*");
    assert_string_equal(b->host->handler, "recorder");
    assert_int_equal(b->host->size, sizeof(struct dueq_host));
    assert_int_equal(b->host->abi_minor, DUEQ_ABI_MINOR);
}

static void instances_are_closed_in_the_reverse_order(void **state)
{
    struct loading *loading = *state;
    char trace[512];
    snprintf(trace, sizeof trace, "%s", loading_path(loading, "trace"));
    const struct config_option options[] = { { .name = "trace", .line = 11, .text = trace } };
    loading_install(loading, "recorder", "recorder.so");
    static const char *const kinds[] = { "a", "b", "c" };
    for (size_t i = 0; i < 3; i++) {
        struct config_kind *line = loading_bind(loading, kinds[i], "recorder");
        line->options = options;
        line->option_count = 1;
    }
    loading_run(loading);
    registry_free(loading->registry);
    loading->registry = NULL;
    char *text = test_file_read(trace);
    assert_string_equal(text, "open a\nopen b\nopen c\nclose c\nclose b\nclose a\n");
    free(text);
}

static void a_plugin_that_needs_options_is_just_not_bound_to_its_own_name(void **state)
{
    struct loading *loading = *state;
    loading_install(loading, "needy", "needy.so");
    loading_run(loading);
    assert_int_equal(loading->report.count, 0);
    assert_string_equal(pattern_of(loading, "needy"), "(unbound)");
}

static void a_plugin_that_no_line_names_and_that_fails_for_no_reason_is_reported(void **state)
{
    struct loading *loading = *state;
    loading_install(loading, "silent", "silent.so");
    loading_run(loading);
    assert_true(loading_reported_only(loading, "/silent.so: handler 'needy': ", "gave no reason"));
    assert_string_equal(pattern_of(loading, "needy"), "(unbound)");
}

/* http wants a url and exec a command: until somebody says it, they are not bound, and nothing is
 * wrong. */
static void the_shipped_handlers_load_where_nothing_is_configured(void **state)
{
    struct loading *loading = *state;
    loading->config.handler_directory = DUEQ_TEST_HANDLERS;
    loading_run(loading);
    assert_int_equal(loading->report.count, 0);
    assert_string_equal(pattern_of(loading, "noop"), "noop");
    assert_string_equal(pattern_of(loading, "http"), "(unbound)");
    assert_string_equal(pattern_of(loading, "exec"), "(unbound)");
}

static void a_host_hands_its_calls_to_the_callbacks(void **state)
{
    struct loading *loading = *state;
    loading_install(loading, "recorder", "recorder.so");
    struct harness harness;
    harness_open_or_fail(&harness, loading->directory, "recorder", NULL, 0);
    struct harness_job job;
    harness_job_init(&job, "finish");
    assert_int_equal(harness_run(&harness, &job), DUEQ_PENDING);
    assert_true(harness_wait(&job));
    assert_int_equal(job.outcome, DUEQ_SNOOZE);
    assert_int_equal(job.delay_us, 5000000);
    assert_string_equal(job.finish_message, "later");
    assert_int_equal(job.extended_us, 7000000);
    harness_job_done(&job);

    harness_job_init(&job, "cancelled");
    assert_int_equal(harness_run(&harness, &job), DUEQ_DONE);
    harness_cancel(&job);
    assert_int_equal(harness_run(&harness, &job), DUEQ_RETRY);
    harness_job_done(&job);
    harness_close(&harness);
}

/* What is written to stderr meanwhile goes into the file. */
static int redirect_stderr(const char *file)
{
    int kept = dup(STDERR_FILENO);
    int fd = open(file, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    dup2(fd, STDERR_FILENO);
    close(fd);
    return kept;
}

static void a_line_in_the_log_names_handler_and_kind(void **state)
{
    struct loading *loading = *state;
    loading_install(loading, "recorder", "recorder.so");
    struct harness harness;
    harness_open_or_fail(&harness, loading->directory, "recorder", NULL, 0);
    struct harness_job job;
    harness_job_init(&job, "log");

    int kept = redirect_stderr(loading_path(loading, "log"));
    harness_run(&harness, &job);
    dup2(kept, STDERR_FILENO);
    close(kept);

    char *text = test_file_read(loading_path(loading, "log"));
    assert_string_equal(text, "<4>bad weather: wind=9 handler=recorder kind=test\n"
                              "<3>two\\x0alines: handler=recorder kind=test\n");
    free(text);
    harness_job_done(&job);
    harness_close(&harness);
}

static void the_plugin_of_the_manual_appends_and_says_why_it_cannot(void **state)
{
    struct loading *loading = *state;
    loading_install(loading, "documented", "append.so");
    char file[512];
    snprintf(file, sizeof file, "%s", loading_path(loading, "audit.log"));
    struct config_option option = { .name = "file", .line = 1, .text = file };
    struct harness harness;
    harness_open_or_fail(&harness, loading->directory, "append", &option, 1);
    struct harness_job job;
    harness_job_init(&job, "alice");
    assert_int_equal(harness_run(&harness, &job), DUEQ_DONE);
    char *text = test_file_read(file);
    assert_string_equal(text, "00000000-0000-4000-8000-000000000000:1 alice\n");
    free(text);
    harness_job_done(&job);
    harness_close(&harness);

    option.text = "/nowhere/at/all/audit.log";
    assert_int_equal(harness_open(&harness, loading->directory, "append", &option, 1), 0);
    assert_null(harness.binding);
    assert_true(harness_reported(&harness, "kinds[0].options.file: cannot open /nowhere"));
    harness_close(&harness);
}

#define registry_test(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        registry_test(an_exact_name_goes_before_a_prefix_and_a_long_prefix_before_a_short_one),
        registry_test(a_prefix_does_not_take_the_kind_before_its_dot),
        registry_test(any_line_goes_before_a_handlers_own_name),
        registry_test(a_plugin_that_a_line_names_is_bound_to_its_own_name_all_the_same),
        registry_test(a_line_with_a_handlers_own_name_is_the_only_instance_for_it),
        registry_test(bindings_are_numbered_in_the_order_they_were_opened),
        registry_test(a_line_whose_handler_is_not_there_names_what_is),
        registry_test(each_line_has_an_instance_of_its_own),
        registry_test(instances_are_closed_in_the_reverse_order),
        registry_test(a_plugin_that_needs_options_is_just_not_bound_to_its_own_name),
        registry_test(a_plugin_that_no_line_names_and_that_fails_for_no_reason_is_reported),
        registry_test(the_shipped_handlers_load_where_nothing_is_configured),
        registry_test(a_host_hands_its_calls_to_the_callbacks),
        registry_test(a_line_in_the_log_names_handler_and_kind),
        registry_test(the_plugin_of_the_manual_appends_and_says_why_it_cannot),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
