#include "log.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

/* What log_write would put on stderr: caught in a pipe, which is no terminal and holds 64 KiB. */
static char caught[16384];
static int saved_stderr, pipe_end;

static void catch_begin(void)
{
    int ends[2];
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    saved_stderr = dup(STDERR_FILENO);
    dup2(ends[1], STDERR_FILENO);
    close(ends[1]);
    pipe_end = ends[0];
}

static const char *catch_end(void)
{
    dup2(saved_stderr, STDERR_FILENO);
    close(saved_stderr);
    size_t len = 0;
    for (ssize_t n; (n = read(pipe_end, caught + len, sizeof caught - 1 - len)) > 0;)
        len += (size_t) n;
    caught[len] = '\0';
    close(pipe_end);
    return caught;
}

static int default_level(void **state)
{
    (void) state;
    log_set_level(LOG_LEVEL_INFO);
    return 0;
}

static void a_line_begins_with_the_journals_priority(void **state)
{
    (void) state;
    catch_begin();
    log_error("lost the source: source=%s", "main");
    log_warning("slow");
    log_info("started");
    assert_string_equal(catch_end(), "<3>lost the source: source=main\n<4>slow\n<6>started\n");
}

static void what_is_below_the_level_is_not_written(void **state)
{
    (void) state;
    assert_false(log_enabled(LOG_LEVEL_DEBUG));
    catch_begin();
    log_debug("hidden");
    log_write(LOG_LEVEL_DEBUG, "hidden");
    log_set_level(LOG_LEVEL_DEBUG);
    log_debug("shown");
    log_set_level(LOG_LEVEL_ERROR);
    log_warning("hidden");
    log_error("shown too");
    assert_string_equal(catch_end(), "<7>shown\n<3>shown too\n");
}

static void no_data_can_forge_a_line(void **state)
{
    (void) state;
    catch_begin();
    log_info("kind=%s", "a\n<3>forged\r\x1b[31m\x7f");
    assert_string_equal(catch_end(), "<6>kind=a\\x0a<3>forged\\x0d\\x1b[31m\\x7f\n");
}

/* The journal shows a message that is not UTF-8 as "[2.0K blob data]". */
static void a_line_is_valid_utf8_whatever_the_data(void **state)
{
    (void) state;
    catch_begin();
    log_info("%s", "gr\xc3\xbc\xc3\x9f dich \xff\xfe \xe4\xbd\xa0\xe5");
    assert_string_equal(catch_end(), "<6>gr\xc3\xbc\xc3\x9f dich \\xff\\xfe \xe4\xbd\xa0\\xe5\n");
}

static void a_long_text_is_cut_and_still_one_line(void **state)
{
    (void) state;
    char text[8000];
    memset(text, '\x01', sizeof text);
    text[sizeof text - 1] = '\0';
    catch_begin();
    log_info("%s", text);
    const char *line = catch_end();
    assert_int_equal(strlen(line), 3 + 2047 * 4 + 1);
    assert_ptr_equal(strchr(line, '\n'), line + strlen(line) - 1);
}

static void a_limit_lets_the_first_line_through_and_counts_the_others(void **state)
{
    (void) state;
    struct log_limit limit = { 0 };
    uint64_t suppressed = 99;
    assert_true(log_limit_pass(&limit, 3600000000, &suppressed));
    assert_int_equal(suppressed, 0);
    assert_false(log_limit_pass(&limit, 3600000000, &suppressed));
    assert_false(log_limit_pass(&limit, 3600000000, NULL));
    limit.next_us = 0; /* as if the hour had passed */
    assert_true(log_limit_pass(&limit, 3600000000, &suppressed));
    assert_int_equal(suppressed, 2);
    limit.next_us = 0;
    assert_true(log_limit_pass(&limit, 3600000000, NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_line_begins_with_the_journals_priority, default_level),
        cmocka_unit_test_setup(what_is_below_the_level_is_not_written, default_level),
        cmocka_unit_test_setup(no_data_can_forge_a_line, default_level),
        cmocka_unit_test_setup(a_line_is_valid_utf8_whatever_the_data, default_level),
        cmocka_unit_test_setup(a_long_text_is_cut_and_still_one_line, default_level),
        cmocka_unit_test_setup(a_limit_lets_the_first_line_through_and_counts_the_others,
                               default_level),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
