#include "abi.h"

#include <errno.h>
#include <string.h>

#include "fail.h"

static int32_t run_nothing(void *instance, void *local, const struct dueq_job *job,
                           struct dueq_result *result)
{
    (void) instance, (void) local, (void) job, (void) result;
    return DUEQ_DONE;
}

static const struct dueq_handler plain = {
    .abi_major = DUEQ_ABI_MAJOR,
    .abi_minor = DUEQ_ABI_MINOR,
    .size = sizeof plain,
    .name = "plain",
    .run = run_nothing,
};

static void assert_refused(const struct dueq_handler *found, const char *reason)
{
    struct dueq_handler copy, before;
    memset(&copy, 0x5a, sizeof copy);
    before = copy;
    struct error error = { 0 };
    assert_int_equal(abi_adopt(found, sizeof copy, &copy, &error), -EINVAL);
    assert_non_null(strstr(error.text, reason));
    assert_memory_equal(&copy, &before, sizeof copy);
}

static void a_plugin_of_this_abi_is_taken_as_it_is(void **state)
{
    (void) state;
    struct dueq_handler copy;
    assert_int_equal(abi_adopt(&plain, sizeof copy, &copy, NULL), 0);
    assert_memory_equal(&copy, &plain, sizeof copy);
}

static void another_major_is_refused_and_both_versions_are_named(void **state)
{
    (void) state;
    struct dueq_handler other = plain;
    other.abi_major = DUEQ_ABI_MAJOR + 1;
    other.abi_minor = 4;
    assert_refused(&other, "ABI 2.4");
    assert_refused(&other, "loads 1.x");
    other.abi_major = 0;
    assert_refused(&other, "ABI 0.4");
}

/* The sanitizer watches that nothing behind the three fields is read. */
static void a_short_struct_is_refused_without_reading_what_it_lacks(void **state)
{
    (void) state;
    uint32_t *versions = malloc(3 * sizeof *versions);
    versions[0] = DUEQ_ABI_MAJOR;
    versions[1] = DUEQ_ABI_MINOR;
    versions[2] = 3 * sizeof *versions;
    struct dueq_handler copy;
    struct error error = { 0 };
    assert_int_equal(abi_adopt(versions, sizeof copy, &copy, &error), -EINVAL);
    assert_non_null(strstr(error.text, "size = 12"));
    free(versions);
}

static void a_newer_minor_is_taken_without_what_it_has_beyond_ours(void **state)
{
    (void) state;
    struct {
        struct dueq_handler known;
        void *later;
    } newer = { .known = plain, .later = &newer };
    newer.known.abi_minor = DUEQ_ABI_MINOR + 3;
    newer.known.size = sizeof newer;

    struct {
        struct dueq_handler handler;
        void *behind;
    } copy = { .behind = &copy };
    assert_int_equal(abi_adopt(&newer, sizeof copy.handler, &copy.handler, NULL), 0);
    assert_memory_equal(&copy.handler, &newer.known, sizeof copy.handler);
    assert_ptr_equal(copy.behind, &copy);
}

/* What a dueqd of a later minor does with a plugin of ours. */
static void a_plugin_of_an_older_minor_lacks_only_what_came_later(void **state)
{
    (void) state;
    struct dueq_handler *older = malloc(
        sizeof *older); /* of its own size, so that reading past it shows */
    *older = plain;
    struct {
        struct dueq_handler known;
        int32_t (*later)(void);
        uint64_t even_later;
    } copy;
    memset(&copy, 0x5a, sizeof copy);
    assert_int_equal(abi_adopt(older, sizeof copy, &copy, NULL), 0);
    assert_memory_equal(&copy.known, older, sizeof *older);
    assert_null(copy.later);
    assert_int_equal(copy.even_later, 0);
    free(older);
}

static void a_flag_that_is_not_known_is_refused(void **state)
{
    (void) state;
    struct dueq_handler flagged = plain;
    flagged.flags = 0x80000001;
    assert_refused(&flagged, "flags 0x80000001");
}

static void a_name_is_1_to_64_of_the_letters_allowed(void **state)
{
    (void) state;
    char longest[ABI_NAME_MAX + 2];
    memset(longest, 'a', sizeof longest);
    longest[ABI_NAME_MAX] = '\0';
    assert_true(abi_name_is_valid(longest));
    longest[ABI_NAME_MAX] = 'a';
    longest[ABI_NAME_MAX + 1] = '\0';
    assert_false(abi_name_is_valid(longest));
    assert_true(abi_name_is_valid("order.paid_2-x"));
    assert_false(abi_name_is_valid(""));
    assert_false(abi_name_is_valid("Mail"));
    assert_false(abi_name_is_valid("a b"));
    assert_false(abi_name_is_valid("order.*"));
    assert_false(abi_name_is_valid("caf\xc3\xa9"));
}

static void a_plugin_needs_a_good_name_and_a_run(void **state)
{
    (void) state;
    struct dueq_handler wanting = plain;
    wanting.name = NULL;
    assert_refused(&wanting, "name (NULL)");
    wanting.name = "Mail";
    assert_refused(&wanting, "name 'Mail'");
    wanting = plain;
    wanting.run = NULL;
    assert_refused(&wanting, "'plain' has no run()");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_plugin_of_this_abi_is_taken_as_it_is),
        cmocka_unit_test(another_major_is_refused_and_both_versions_are_named),
        cmocka_unit_test(a_short_struct_is_refused_without_reading_what_it_lacks),
        cmocka_unit_test(a_newer_minor_is_taken_without_what_it_has_beyond_ours),
        cmocka_unit_test(a_plugin_of_an_older_minor_lacks_only_what_came_later),
        cmocka_unit_test(a_flag_that_is_not_known_is_refused),
        cmocka_unit_test(a_name_is_1_to_64_of_the_letters_allowed),
        cmocka_unit_test(a_plugin_needs_a_good_name_and_a_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
