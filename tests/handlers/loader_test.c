/* Which files of the directory become handlers. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "directory.h"
#include "fail.h"
#include "loading.h"

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

/* A bad file beside a good one: the bad one is named with the reason, the good one loaded. */
static void assert_left_out(struct loading *loading, const char *bad, const char *reason)
{
    loading_install(loading, "recorder", "z_good.so");
    loading_run(loading);
    char name[64];
    snprintf(name, sizeof name, "/%s: ", bad);
    assert_true(loading_reported_only(loading, name, reason));
    assert_int_equal(registry_count(loading->registry), 1);
    assert_string_equal(loading_handler_of(loading, "recorder"), "recorder");
}

static void a_plugin_is_loaded_and_bound_to_its_own_name(void **state)
{
    struct loading *loading = *state;
    loading_install(loading, "shape", "any_file_name.so");
    loading_run(loading);
    assert_int_equal(loading->report.count, 0);
    const struct binding *binding = registry_find(loading->registry, "shape");
    assert_non_null(binding);
    assert_null(binding->config);
    assert_string_equal(binding->pattern, "shape");
    assert_int_equal(binding->handler->run(NULL, NULL, NULL, NULL), DUEQ_DONE);
}

static void another_major_is_refused_by_name(void **state)
{
    loading_install(*state, "wrong_major", "a.so");
    assert_left_out(*state, "a.so", "ABI 2.0");
}

static void a_newer_minor_is_loaded(void **state)
{
    struct loading *loading = *state;
    loading_install(loading, "newer_minor", "a.so");
    loading_run(loading);
    assert_int_equal(loading->report.count, 0);
    assert_string_equal(loading_handler_of(loading, "newer"), "newer");
}

static void a_struct_that_is_too_short_is_refused(void **state)
{
    loading_install(*state, "short_size", "a.so");
    assert_left_out(*state, "a.so", "size = 16");
}

static void a_library_without_the_symbol_is_refused(void **state)
{
    loading_install(*state, "no_symbol", "a.so");
    assert_left_out(*state, "a.so", "exports no symbol 'dueq_handler'");
}

static void a_file_that_is_no_library_is_refused(void **state)
{
    test_file_write(loading_path(*state, "a.so"), 0644, "#!/bin/sh\necho I am a script\n");
    assert_left_out(*state, "a.so", "cannot be loaded: ");
}

static void an_empty_file_is_refused(void **state)
{
    test_file_write(loading_path(*state, "a.so"), 0644, "");
    assert_left_out(*state, "a.so", "cannot be loaded: file too short");
}

static void an_unknown_flag_is_refused(void **state)
{
    loading_install(*state, "unknown_flag", "a.so");
    assert_left_out(*state, "a.so", "flags 0x10");
}

static void a_bad_name_is_refused(void **state)
{
    loading_install(*state, "bad_name", "a.so");
    assert_left_out(*state, "a.so", "'Bad Name'");
}

static void what_anyone_may_write_is_not_loaded(void **state)
{
    loading_install(*state, "shape", "a.so");
    assert_int_equal(chmod(loading_path(*state, "a.so"), 0757), 0);
    assert_left_out(*state, "a.so", "written by anyone (mode 0757): chmod go-w");
}

static void what_a_group_may_write_is_not_loaded(void **state)
{
    loading_install(*state, "shape", "a.so");
    assert_int_equal(chmod(loading_path(*state, "a.so"), 0775), 0);
    assert_left_out(*state, "a.so", "written by its group");
}

static void what_another_user_owns_is_not_loaded(void **state)
{
    if (geteuid() != 0)
        skip(); /* only root gives a file away */
    loading_install(*state, "shape", "a.so");
    assert_int_equal(chown(loading_path(*state, "a.so"), 65534, 65534), 0);
    assert_left_out(*state, "a.so", "owned by uid 65534");
}

static void a_symbolic_link_is_not_loaded(void **state)
{
    assert_int_equal(symlink(DUEQ_TEST_PLUGINS "/shape.so", loading_path(*state, "a.so")), 0);
    assert_left_out(*state, "a.so", "a symbolic link");
}

static void a_directory_named_like_a_plugin_is_not_loaded(void **state)
{
    assert_int_equal(mkdir(loading_path(*state, "a.so"), 0755), 0);
    assert_left_out(*state, "a.so", "a directory");
}

static void other_files_are_none_of_our_business(void **state)
{
    struct loading *loading = *state;
    loading_install(loading, "shape", ".hidden.so");
    loading_install(loading, "shape", "shape.so.new");
    test_file_write(loading_path(loading, "README"), 0666, "");
    loading_run(loading);
    assert_int_equal(loading->report.count, 0);
    assert_int_equal(registry_count(loading->registry), 0);
}

static void nothing_is_loaded_from_a_directory_that_anyone_may_write(void **state)
{
    struct loading *loading = *state;
    loading_install(loading, "shape", "a.so");
    assert_int_equal(chmod(loading->directory, 01777), 0);
    loading_run(loading);
    assert_true(loading_reported_only(loading, "dueq.conf", "handlers.directory: "));
    assert_true(loading_reported(loading, loading->directory, "written by anyone (mode 1777)"));
    assert_int_equal(registry_count(loading->registry), 0);
}

static void a_directory_that_is_not_there_is_an_error_and_no_end(void **state)
{
    struct loading *loading = *state;
    loading->config.handler_directory = "/nowhere/at/all";
    loading_run(loading);
    assert_true(
        loading_reported_only(loading, "handlers.directory: /nowhere/at/all", "No such file"));
    assert_null(registry_find(loading->registry, "shape"));
}

static void of_two_plugins_of_one_name_the_first_file_wins(void **state)
{
    struct loading *loading = *state;
    loading_install(loading, "shape", "b.so");
    loading_install(loading, "retrying", "a.so");
    loading_run(loading);
    assert_true(loading_reported_only(loading, "/b.so: ", "/a.so"));
    assert_true(loading_reported(loading, "'shape'", "left out"));
    const struct binding *binding = registry_find(loading->registry, "shape");
    assert_int_equal(binding->handler->run(NULL, NULL, NULL, NULL), DUEQ_RETRY);
}

static void every_bad_file_is_named(void **state)
{
    struct loading *loading = *state;
    loading_install(loading, "wrong_major", "a.so");
    loading_install(loading, "no_symbol", "b.so");
    loading_install(loading, "shape", "c.so");
    loading_install(loading, "bad_name", "d.so");
    loading_run(loading);
    assert_int_equal(loading->report.error_count, 3);
    assert_true(loading_reported(loading, "/a.so: ", "ABI"));
    assert_true(loading_reported(loading, "/b.so: ", "symbol"));
    assert_true(loading_reported(loading, "/d.so: ", "name"));
    assert_string_equal(loading_handler_of(loading, "shape"), "shape");
}

static void a_loaded_plugin_outlives_its_file(void **state)
{
    struct loading *loading = *state;
    loading_install(loading, "shape", "a.so");
    loading_run(loading);
    assert_int_equal(unlink(loading_path(loading, "a.so")), 0);
    const struct binding *binding = registry_find(loading->registry, "shape");
    assert_int_equal(binding->handler->run(NULL, NULL, NULL, NULL), DUEQ_DONE);
}

static void a_reload_takes_the_new_file_while_the_old_one_still_runs(void **state)
{
    struct loading *loading = *state;
    loading_install(loading, "shape", "a.so");
    loading_run(loading);
    loading_install(loading, "retrying", "a.so"); /* renamed over it */
    struct registry *before = loading_run_again(loading);

    const struct binding *old_binding = registry_find(before, "shape");
    const struct binding *new_binding = registry_find(loading->registry, "shape");
    assert_int_equal(old_binding->handler->run(NULL, NULL, NULL, NULL), DUEQ_DONE);
    assert_int_equal(new_binding->handler->run(NULL, NULL, NULL, NULL), DUEQ_RETRY);
    registry_free(before);
    assert_int_equal(new_binding->handler->run(NULL, NULL, NULL, NULL), DUEQ_RETRY);
}

static void many_reloads_of_changing_files_each_see_the_latest(void **state)
{
    struct loading *loading = *state;
    loading_run(loading);
    for (int i = 0; i < 20; i++) {
        bool retrying = i % 3 == 0;
        loading_install(loading, retrying ? "retrying" : "shape", "a.so");
        struct registry *before = loading_run_again(loading);
        const struct binding *binding = registry_find(loading->registry, "shape");
        assert_non_null(binding);
        registry_free(before);
        assert_int_equal(binding->handler->run(NULL, NULL, NULL, NULL),
                         retrying ? DUEQ_RETRY : DUEQ_DONE);
    }
}

#define loader_test(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        loader_test(a_plugin_is_loaded_and_bound_to_its_own_name),
        loader_test(another_major_is_refused_by_name),
        loader_test(a_newer_minor_is_loaded),
        loader_test(a_struct_that_is_too_short_is_refused),
        loader_test(a_library_without_the_symbol_is_refused),
        loader_test(a_file_that_is_no_library_is_refused),
        loader_test(an_empty_file_is_refused),
        loader_test(an_unknown_flag_is_refused),
        loader_test(a_bad_name_is_refused),
        loader_test(what_anyone_may_write_is_not_loaded),
        loader_test(what_a_group_may_write_is_not_loaded),
        loader_test(what_another_user_owns_is_not_loaded),
        loader_test(a_symbolic_link_is_not_loaded),
        loader_test(a_directory_named_like_a_plugin_is_not_loaded),
        loader_test(other_files_are_none_of_our_business),
        loader_test(nothing_is_loaded_from_a_directory_that_anyone_may_write),
        loader_test(a_directory_that_is_not_there_is_an_error_and_no_end),
        loader_test(of_two_plugins_of_one_name_the_first_file_wins),
        loader_test(every_bad_file_is_named),
        loader_test(a_loaded_plugin_outlives_its_file),
        loader_test(a_reload_takes_the_new_file_while_the_old_one_still_runs),
        loader_test(many_reloads_of_changing_files_each_see_the_latest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
