#include <stdio.h>
#include <string.h>

#include "fixture.h"

/* Everything that is decided before a server is asked. */

static const char *const commands[] = {
    "migrate", "enqueue", "status", "jobs", "job",   "retry", "cancel",
    "dead",    "pause",   "resume", "set",  "check", "dev",
};
static const char *const dead_commands[] = { "list", "show", "redrive", "purge" };

static void help_names_every_command_and_ends_with_0(void **state)
{
    (void) state;
    const struct run *run = dueq("--help", NULL);
    assert_int_equal(run->status, EX_OK);
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        expect_text(run->out, text_of("\n  %s ", commands[i]));
}

static void each_command_has_a_help_of_its_own(void **state)
{
    (void) state;
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        const struct run *run = dueq(commands[i], "--help", NULL);
        assert_int_equal(run->status, EX_OK);
        expect_text(run->out, text_of("usage: dueq [options] %s", commands[i]));
    }
    for (size_t i = 0; i < sizeof dead_commands / sizeof *dead_commands; i++) {
        const struct run *run = dueq("dead", dead_commands[i], "--help", NULL);
        assert_int_equal(run->status, EX_OK);
        expect_text(run->out, text_of("usage: dueq [options] dead %s", dead_commands[i]));
    }
}

/* Every "--option" in the text stands in the manual as well, its dashes escaped. */
static void expect_documented(const char *manual, const char *help)
{
    for (const char *c = help; (c = strstr(c, "--")); c += 2) {
        char escaped[128] = "", *to = escaped;
        size_t len = 2 + strspn(c + 2, "abcdefghijklmnopqrstuvwxyz-");
        if (len == 2)
            continue;
        for (size_t i = 0; i < len; i++) {
            if (c[i] == '-')
                *to++ = '\\';
            *to++ = c[i];
        }
        *to = '\0';
        if (!strstr(manual, escaped))
            test_fail("dueq.1 says nothing of %.*s", (int) len, c);
    }
}

static void the_manual_explains_every_option(void **state)
{
    (void) state;
    char *manual = test_file_read(DUEQ_SOURCE_DIR "/docs/man/dueq.1");
    expect_documented(manual, dueq("--help", NULL)->out);
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        expect_documented(manual, dueq(commands[i], "--help", NULL)->out);
        expect_text(manual, text_of(".SS %s", commands[i]));
    }
    for (size_t i = 0; i < sizeof dead_commands / sizeof *dead_commands; i++) {
        expect_documented(manual, dueq("dead", dead_commands[i], "--help", NULL)->out);
        expect_text(manual, text_of(".SS dead %s", dead_commands[i]));
    }
    free(manual);
}

static void the_version_is_said(void **state)
{
    (void) state;
    const struct run *run = dueq("--version", NULL);
    assert_int_equal(run->status, EX_OK);
    assert_memory_equal(run->out, "dueq ", 5);
}

static void expect_usage(const struct run *run, const char *words)
{
    if (run->status != EX_USAGE)
        test_fail("ended with %d: %s%s", run->status, run->out, run->err);
    expect_text(run->err, words);
    assert_string_equal(run->out, "");
}

static void a_misspelt_command_or_option_is_wrong_usage_with_a_suggestion(void **state)
{
    (void) state;
    expect_usage(dueq(NULL, NULL), "which command?");
    expect_usage(dueq("stauts", NULL), "did you mean status?");
    expect_usage(dueq("frobnicate", NULL), "there is no command \"frobnicate\"");
    expect_usage(dueq("jobs", "--quueue", "x", NULL), "did you mean --queue?");
    expect_usage(dueq("dead", "redirve", NULL), "did you mean dead redrive?");
    expect_usage(dueq("dead", NULL), "list, show, redrive or purge?");
    expect_usage(dueq("-x", "status", NULL), "there is no option -x");
}

static void a_hostile_word_is_escaped_where_it_is_repeated(void **state)
{
    (void) state;
    const struct run *run = dueq("\033[31mred", NULL);
    assert_int_equal(run->status, EX_USAGE);
    expect_harmless(run->err);
    expect_text(run->err, "\\x1b[31mred");
}

static void wrong_values_are_wrong_usage_and_say_what_was_expected(void **state)
{
    (void) state;
    expect_usage(dueq("jobs", "--limit", "0", NULL), "from 1 to 1000000, found \"0\"");
    expect_usage(dueq("jobs", "--limit", "5x", NULL), "found \"5x\"");
    expect_usage(dueq("jobs", "--limit", NULL), "--limit wants a value: NUMBER");
    expect_usage(dueq("jobs", "--state", "sleeping", NULL), "due, delayed, running or all");
    expect_usage(dueq("jobs", "--queue", "two words", NULL), "1 to 64 ASCII characters");
    expect_usage(dueq("jobs", "--queue", "订单", NULL), "1 to 64 ASCII characters");
    expect_usage(dueq("job", "12a", NULL), "is no id of a job");
    expect_usage(dueq("job", NULL), "dueq job ID");
    expect_usage(dueq("retry", "1", "-1", NULL), "there is no option -1");
    expect_usage(dueq("status", "now", NULL), "\"now\" is one word too many");
    expect_usage(dueq("status", "--exact=yes", NULL), "--exact takes no value");
    expect_usage(dueq("enqueue", "k", "--delay", "soon", NULL), "a duration such as 30s");
    expect_usage(dueq("enqueue", "k", "--at", "soon", NULL), "2026-11-22T19:30:00Z");
    expect_usage(dueq("enqueue", "k", "--at", "2026-11-22T19:30:00Z", "--delay", "1s", NULL),
                 "exclude each other");
    expect_usage(dueq("enqueue", "k", "{}", "--file", "/dev/null", NULL), "given twice");
    expect_usage(dueq("enqueue", "", NULL), "a kind is 1 to 64");
    expect_usage(dueq("enqueue", "k", "--priority", "10", NULL), "from 0 to 9");
    expect_usage(dueq("enqueue", "k", "--unique-key", "\xff", NULL), "not valid UTF-8");
    expect_usage(dueq("dead", "list", "--reason", "boredom", NULL), "handler, exhausted");
    expect_usage(dueq("dead", "show", "x", NULL), "is no id of a dead letter");
    expect_usage(dueq("dead", "redrive", "--over", "2000d", NULL), "a year at most");
    expect_usage(dueq("set", "q", NULL), "nothing is set");
    expect_usage(dueq("set", "q", "--rate", "0", NULL), "a number from 1, or none");
    expect_usage(dueq("dev", "--server", "oracle", NULL), "mariadb or mysql");
}

static void a_purge_without_yes_is_refused_before_anything_is_asked(void **state)
{
    (void) state;
    expect_usage(dueq("dead", "purge", NULL), "--yes");
}

static void a_missing_configuration_is_no_input(void **state)
{
    (void) state;
    const struct run *run = dueq("-c", "/nonexistent/dueq.conf", "status", NULL);
    assert_int_equal(run->status, EX_NOINPUT);
    expect_text(run->err, "/nonexistent/dueq.conf");
}

static void a_wrong_configuration_is_named_with_its_line(void **state)
{
    (void) state;
    const char *file = text_of("%s/dueq.conf", test_directory_new());
    test_file_write(file, 0600, "sources = (\n { nmae = \"main\"; } );\n");
    const struct run *run = dueq("-c", file, "status", NULL);
    assert_int_equal(run->status, EX_CONFIG);
    expect_text(run->err, text_of("%s:2", file));
}

static void one_of_several_sources_must_be_named(void **state)
{
    (void) state;
    const char *file = text_of("%s/dueq.conf", test_directory_new());
    test_file_write(file, 0600,
                    "sources = ( { name = \"one\"; socket = \"/nonexistent/1\"; database = \"d\"; "
                    "user = \"u\"; },\n"
                    "            { name = \"two\"; socket = \"/nonexistent/2\"; database = \"d\"; "
                    "user = \"u\"; } );\n"
                    "queues = ( { name = \"default\"; } );\n");
    expect_usage(dueq("-c", file, "status", NULL), "one of: one, two");
    expect_usage(dueq("-c", file, "--source", "three", "status", NULL), "there are: one, two");
    const struct run *run = dueq("-c", file, "status", "--source", "two", NULL);
    assert_int_equal(run->status, EX_UNAVAILABLE);
    expect_text(run->err, "/nonexistent/2");
}

static void a_full_disk_under_the_output_is_an_error(void **state)
{
    (void) state;
    const char *const argv[] = { "/bin/sh", "-c", "exec \"$0\" --help >/dev/full",
                                 process_program("dueq"), NULL };
    char *err = NULL;
    assert_int_equal(process_run(argv, NULL, &err), EX_IOERR);
    expect_text(err, "cannot write to standard output");
    free(err);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(help_names_every_command_and_ends_with_0),
        cmocka_unit_test(each_command_has_a_help_of_its_own),
        cmocka_unit_test(the_manual_explains_every_option),
        cmocka_unit_test(the_version_is_said),
        cmocka_unit_test(a_misspelt_command_or_option_is_wrong_usage_with_a_suggestion),
        cmocka_unit_test(a_hostile_word_is_escaped_where_it_is_repeated),
        cmocka_unit_test(wrong_values_are_wrong_usage_and_say_what_was_expected),
        cmocka_unit_test(a_purge_without_yes_is_refused_before_anything_is_asked),
        cmocka_unit_test(a_missing_configuration_is_no_input),
        cmocka_unit_test(a_wrong_configuration_is_named_with_its_line),
        cmocka_unit_test(one_of_several_sources_must_be_named),
        cmocka_unit_test(a_full_disk_under_the_output_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
