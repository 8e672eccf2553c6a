#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "exec_fake_host.h"

#define COMMAND FAKE_LIST("command", "/bin/true")
#define REFUSED(...)                                                                               \
    refused((const struct fake_option[]){ __VA_ARGS__ },                                           \
            sizeof(const struct fake_option[]){ __VA_ARGS__ } / sizeof(struct fake_option))

static struct fake fake;

/* What open() said when it refused. */
static const char *refused(const struct fake_option *options, size_t count)
{
    assert_int_equal(fake_open(&fake, options, count), -1);
    assert_string_not_equal(fake.problem, "");
    return fake.problem;
}

static void a_command_is_all_that_is_needed(void **state)
{
    const struct fake_option options[] = { COMMAND, { "mode", "lines", NULL } };
    (void) state;

    fake_open_or_fail(&fake, options, 1);
    fake_close(&fake);
    fake_open_or_fail(&fake, options, 2);
    fake_close(&fake);
    assert_string_equal(fake.log, "");
}

static void a_command_has_to_be_there_and_to_be_found_from_anywhere(void **state)
{
    (void) state;
    assert_memory_equal(REFUSED({ "mode", "once", NULL }), "command: ", 9);
    assert_memory_equal(REFUSED({ "command", NULL, (const char *const[]){ NULL } }),
                        "command: ", 9);
    assert_non_null(strstr(REFUSED(FAKE_LIST("command", "")), "found \"\""));
    assert_non_null(strstr(REFUSED(FAKE_LIST("command", "./mail.php")), "./mail.php"));
    assert_non_null(strstr(REFUSED(FAKE_LIST("command", "bin/mail")), "bin/mail"));
}

static void a_mode_is_once_or_lines(void **state)
{
    (void) state;
    assert_string_equal(REFUSED(COMMAND, { "mode", "Lines", NULL }),
                        "mode: expected \"once\" or \"lines\", found \"Lines\"");
}

static void an_environment_is_made_of_names_and_values(void **state)
{
    (void) state;
    assert_string_equal(REFUSED(COMMAND, FAKE_LIST("environment", "A=b", "PASSWORD secret")),
                        "environment: entry 2 is not NAME=value");
    assert_memory_equal(REFUSED(COMMAND, FAKE_LIST("environment", "=b")), "environment: ", 13);
    assert_memory_equal(REFUSED(COMMAND, FAKE_LIST("environment", "1A=b")), "environment: ", 13);
    assert_memory_equal(REFUSED(COMMAND, FAKE_LIST("environment", "A B=c")), "environment: ", 13);
    assert_non_null(strstr(REFUSED(COMMAND, FAKE_LIST("environment", "DUEQ_ID=1")), "DUEQ_"));
}

static void a_directory_is_absolute(void **state)
{
    (void) state;
    assert_memory_equal(REFUSED(COMMAND, { "directory", "data", NULL }), "directory: ", 11);
}

static void numbers_have_bounds(void **state)
{
    (void) state;
    assert_memory_equal(REFUSED(COMMAND, { "mode", "lines", NULL }, { "children", "0", NULL }),
                        "children: ", 10);
    assert_memory_equal(REFUSED(COMMAND, { "mode", "lines", NULL }, { "children", "1025", NULL }),
                        "children: ", 10);
    assert_memory_equal(REFUSED(COMMAND, { "mode", "lines", NULL }, { "max_jobs", "-1", NULL }),
                        "max_jobs: ", 10);
    assert_memory_equal(
        REFUSED(COMMAND, { "mode", "lines", NULL }, { "restart_delay", "1m", NULL }),
        "restart_delay: ", 15);
    assert_memory_equal(REFUSED(COMMAND, { "kill_after", "1h", NULL }), "kill_after: ", 12);
    assert_memory_equal(REFUSED(COMMAND, { "stderr_tail", "-1", NULL }), "stderr_tail: ", 13);
}

static void what_is_for_lines_is_refused_in_once(void **state)
{
    (void) state;
    assert_string_equal(REFUSED(COMMAND, { "children", "8", NULL }),
                        "children: is for mode = \"lines\" only");
    assert_string_equal(REFUSED(COMMAND, { "max_jobs", "0", NULL }),
                        "max_jobs: is for mode = \"lines\" only");
    assert_string_equal(REFUSED(COMMAND, { "restart_delay", "1s", NULL }),
                        "restart_delay: is for mode = \"lines\" only");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_command_is_all_that_is_needed),
        cmocka_unit_test(a_command_has_to_be_there_and_to_be_found_from_anywhere),
        cmocka_unit_test(a_mode_is_once_or_lines),
        cmocka_unit_test(an_environment_is_made_of_names_and_values),
        cmocka_unit_test(a_directory_is_absolute),
        cmocka_unit_test(numbers_have_bounds),
        cmocka_unit_test(what_is_for_lines_is_refused_in_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
