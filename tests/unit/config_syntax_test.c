#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "config_case.h"

#define SYNTAX_ERROR                                                                               \
    "syntax error, here or just before: expected name = value; with commas between the elements "  \
    "of a list and none "                                                                          \
    "behind the last"
#define NEITHER_KEY_NOR_BOOLEAN                                                                    \
    "a word that is neither a key nor true or false; text is written in quotes"

static void a_file_that_cannot_be_read_says_why(void **state)
{
    (void) state;
    static const struct {
        const char *file;
        int r;
        const char *problem;
    } cases[] = {
        { "none.conf", -ENOENT, "none.conf: cannot be read: No such file or directory" },
        { ".", -EISDIR, ".: cannot be read: Is a directory" },
        { "/dev/zero", -EFBIG, "/dev/zero: cannot be read: File too large" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct config *config = NULL;
        struct config_report report = { 0 };
        assert_int_equal(config_load(cases[i].file, &config, &report), cases[i].r);
        assert_null(config);
        assert_int_equal(report.error_count, 1);
        assert_string_equal(report.problems[0].text, cases[i].problem);
        config_report_done(&report);
    }
}

static void a_syntax_error_is_placed(void **state)
{
    (void) state;
    assert_problems(CASE_SOURCE "queues = ( { name = \"a\"; }\n{ name = \"b\"; } );",
                    "dueq.conf:3: " SYNTAX_ERROR);
    assert_problems(CASE_SOURCE "drain = = 5;", "dueq.conf:2: " SYNTAX_ERROR);
    assert_problems(CASE_SOURCE "drain == \"5s\";", "dueq.conf:2: " SYNTAX_ERROR);
    assert_problems(CASE_SOURCE "drain \"5s\";", "dueq.conf:2: " NEITHER_KEY_NOR_BOOLEAN);
    assert_problems(CASE_SOURCE "log = { level = info; };",
                    "dueq.conf:2: log.level: " NEITHER_KEY_NOR_BOOLEAN);
    assert_problems(
        CASE_SOURCE
        "kinds = ( { kind = \"a\"; handler = \"h\"; options = { a = [ 1, \"b\" ]; }; } );",
        "dueq.conf:2: the elements of [ ] must be of one type; those of ( ) need not");
}

/* libconfig takes it since 1.7; that a file should do without it is for those that are older. */
static void a_comma_behind_the_last_element_does_no_harm_or_is_placed(void **state)
{
    (void) state;
    const char *problems = case_problems(CASE_SOURCE "queues = ( { name = \"a\"; },\n );");
    if (*problems)
        assert_string_equal(problems, "dueq.conf:3: " SYNTAX_ERROR);
}

static void what_is_not_closed_is_placed_where_it_begins(void **state)
{
    (void) state;
    assert_problems(
        CASE_SOURCE "log = { level = \"info;\n };\n\n",
        "dueq.conf:2: log.level: the string that begins here is not closed: expected \"");
    assert_problems(CASE_SOURCE "/* drain\n\n\n",
                    "dueq.conf:2: the comment that begins here is not closed: expected */");
    assert_problems(CASE_SOURCE "log = {\nlevel = \"info\";\n\n",
                    "dueq.conf:2: log: what is opened here is not closed: expected '}'");
    assert_problems("sources = ( { name = \"main\"; socket = \"/run/s\";\ndatabase = \"shop\";\n",
                    "dueq.conf:1: sources[0]: what is opened here is not closed: expected '}'");
    assert_problems(CASE_SOURCE "log = {\nlevel = \"info\"; )\n",
                    "dueq.conf:3: log: expected '}' to close what dueq.conf:2 opens, found ')'");
    assert_problems(CASE_SOURCE "log = { };\n};", "dueq.conf:3: the '}' closes nothing");
}

static void a_missing_quote_is_guessed_from_a_string_over_two_lines(void **state)
{
    (void) state;
    static const char hint[] =
        " (the string that begins in line 2 goes over several lines: is a quote missing?)";
    char expected[512];
    snprintf(expected, sizeof expected,
             "dueq.conf:3: sources[0].password: " NEITHER_KEY_NOR_BOOLEAN "%s", hint);
    assert_problems(CASE_SOURCE_WITH("password = \"x;\nsocket = \"run\";"), expected);
    snprintf(expected, sizeof expected, "dueq.conf:3: " SYNTAX_ERROR "%s", hint);
    assert_problems(CASE_SOURCE_WITH("password = \"x;\nsocket = \"/\";/\";"), expected);
    snprintf(expected, sizeof expected, "dueq.conf:4: " SYNTAX_ERROR);
    assert_problems(CASE_SOURCE_WITH("password = \"x\ny\";\nsocket = = \"/s\";"), expected);
}

static void a_file_that_is_no_text_is_refused(void **state)
{
    (void) state;
    case_write_bytes("dueq.conf", "a\0b", 3);
    assert_string_equal(case_problems_of_file(), "dueq.conf:1: " NEITHER_KEY_NOR_BOOLEAN);
    case_write_bytes("dueq.conf", "\n\0", 2);
    assert_string_equal(case_problems_of_file(), "dueq.conf:2: a NUL byte: this is no text file");
    case_write_bytes("dueq.conf", "a = \"x\0y\";", 11);
    assert_string_equal(case_problems_of_file(), "dueq.conf:1: a: a string cannot hold a NUL byte\n"
                                                 "dueq.conf:1: a NUL byte: this is no text file");
    assert_problems("a = \"x\\x00y\";", "dueq.conf:1: a: a string cannot hold the character \\x00");
}

static void several_errors_of_syntax_are_reported_where_it_is_known_how_to_go_on(void **state)
{
    (void) state;
    assert_problems(
        "drain = 5s;\nlog = { level = 3h; level = 1; };\n@include \"none\"\n",
        "dueq.conf:1: drain: a number with a unit is written in quotes, as in \"30s\"\n"
        "dueq.conf:2: log.level: a number with a unit is written in quotes, as in \"30s\"\n"
        "dueq.conf:2: log.level: given twice; the first one is at dueq.conf:2\n"
        "dueq.conf:3: none cannot be included: No such file or directory");
}

/* Such messages would otherwise be how a password gets into a log. */
static void no_error_of_syntax_shows_a_value(void **state)
{
    (void) state;
    static const char *const bad[] = {
        "password = tr0ub4dor;",
        "password = \"tr0ub4dor;",
        "password = 5tr0ub4dor;",
        "password \"tr0ub4dor\";",
        "password = \"tr0ub4dor\" \"",
        "password = [ \"tr0ub4dor\", 1 ];",
        "password = = \"tr0ub4dor\";",
        "password = \"tr0ub4dor\"; password = \"tr0ub4dor\";",
        "pasword = \"tr0ub4dor\";",
        "password = ( \"tr0ub4dor\" );",
        "password = { tr0ub4 = \"tr0ub4dor\"; };",
        "name = \"a\"; password = \"tr0ub4dor\"; }",
        "password = \"\\x00tr0ub4dor\";",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char text[512];
        snprintf(text, sizeof text, CASE_SOURCE_WITH("socket = \"/s\"; %s"), bad[i]);
        const char *problems = case_problems(text);
        assert_true(*problems);
        if (strstr(problems, "tr0ub4"))
            fail_msg("%s", problems);
    }
}

static void an_included_file_takes_the_place_of_its_line(void **state)
{
    (void) state;
    mkdir("conf.d", 0700);
    case_write("conf.d/queues.conf", 0600,
               "name = \"mail\";\n# two\n@include \"threads\"\npoll = \"1s\";");
    case_write("conf.d/threads", 0600, "threads = 3;");
    const struct config *config = case_load(
        CASE_SOURCE "queues = ( {\n  @include \"conf.d/queues.conf\" weight = 2;\n} );\n");
    assert_string_equal(config->queues[0].name, "mail");
    assert_int_equal(config->queues[0].threads, 3);
    assert_int_equal(config->queues[0].weight, 2);
    assert_int_equal(config->queues[0].poll_us, 1000000);
}

static void the_place_of_an_error_is_in_the_file_it_stands_in(void **state)
{
    (void) state;
    mkdir("conf.d", 0700);
    case_write("conf.d/a.conf", 0600, "\nname = \"mail\";\nthreads = 0;\n");
    assert_problems(
        CASE_SOURCE "queues = ( {\n@include \"conf.d/a.conf\"\nbatch = 0;\n} );\ndrain = 1;\n",
        "conf.d/a.conf:3: queues[0].threads: expected an integer from 1 to 1024, found 0\n"
        "dueq.conf:4: queues[0].batch: expected an integer from 1 to 10000, found 0\n"
        "dueq.conf:6: drain: expected a duration from 0s to 1h, found the integer 1; write \"1s\"");
    assert_problems(
        CASE_SOURCE "queues = ( {\nname = \"x\";\n@include \"conf.d/a.conf\"\n} );\n",
        "conf.d/a.conf:2: queues[0].name: given twice; the first one is at dueq.conf:3");
    case_write("conf.d/a.conf", 0600, "drain = = 5;");
    assert_problems(CASE_SOURCE "\n@include \"conf.d/a.conf\"\n", "conf.d/a.conf:1: " SYNTAX_ERROR);
}

static void options_know_the_file_they_stand_in(void **state)
{
    (void) state;
    case_write("kinds.conf", 0600,
               "kinds = (\n{ kind = \"a\"; handler = \"h\";\n options = { x = 1; }; } );");
    const struct config *config = case_load(CASE_SOURCE "@include \"kinds.conf\"\n");
    assert_string_equal(config->kinds[0].file, "kinds.conf");
    assert_int_equal(config->kinds[0].line, 2);
    assert_string_equal(config->kinds[0].options[0].file, "kinds.conf");
    assert_int_equal(config->kinds[0].options[0].line, 3);
}

static void an_include_in_a_comment_or_string_is_none(void **state)
{
    (void) state;
    const struct config *config = case_load(
        "# @include \"none\"\n/*\n@include \"none\"\n*/\n" CASE_SOURCE_WITH(
            "socket = \"/s\"; password = \"\n@include \";"));
    assert_string_equal(config->sources[0].password, "\n@include ");
}

/* libconfig 1.5 ends the process where it is asked to include a directory. */
static void a_file_that_cannot_be_included_is_an_error(void **state)
{
    (void) state;
    mkdir("conf.d", 0700);
    assert_problems(CASE_SOURCE "@include \"conf.d\"\n@include \"none.conf\"\n",
                    "dueq.conf:2: conf.d cannot be included: Is a directory\n"
                    "dueq.conf:3: none.conf cannot be included: No such file or directory");
    assert_problems(CASE_SOURCE "@include none.conf\n", "dueq.conf:2: " NEITHER_KEY_NOR_BOOLEAN);
    assert_problems(CASE_SOURCE "@include \"none.conf\n",
                    "dueq.conf:2: expected @include \"path of a file\"");
}

static void files_that_include_each_other_come_to_an_end(void **state)
{
    (void) state;
    case_write("a.conf", 0600, "\n@include \"b.conf\"\n");
    case_write("b.conf", 0600, "@include \"a.conf\"\n");
    assert_problems(CASE_SOURCE "@include \"a.conf\"\n",
                    "b.conf:1: a.conf cannot be included: it would include itself");
    case_write("c.conf", 0600, "@include \"././c.conf\"\n");
    assert_problems(CASE_SOURCE "@include \"c.conf\"\n",
                    "././././././././././././././././c.conf:1: too many files that "
                    "include files");
}

/* -------- files that nobody wrote on purpose: an error each, and nothing for the sanitizers */

static void refused(const char *bytes, size_t len)
{
    case_write_bytes("dueq.conf", bytes, len);
    assert_true(*case_problems_of_file());
}

static void a_file_cut_off_anywhere_is_refused(void **state)
{
    (void) state;
    static const char whole[] =
        "/* c */ sources = ( { name = \"main\"; socket = \"/run/s\"; database = \"shop\"; user = "
        "\"dueq\";\n"
        "tls = { mode = \"required\"; }; } ); # d\nqueues = ( { name = \"q\"; threads = 0x10; poll "
        "= \"1s\"; } );\n"
        "retry = ( { name = \"r\"; schedule = [ \"1s\", \"2s\" ]; jitter = 0.5; } );\n"
        "kinds = ( { kind = \"a\"; handler = \"h\"; options = { a = ( 1, true, -2.5e3 ); b = { c = "
        "\"\\\"\"; }; }; } )";
    size_t end_of_source = (size_t) (strstr(whole, "; } );") + 5 - whole);
    case_load(whole);
    for (size_t len = 0; len < end_of_source; len++)
        refused(whole, len);
    for (size_t len = end_of_source; len < sizeof whole - 1; len++) {
        case_write_bytes("dueq.conf", whole, len);
        case_problems_of_file(); /* between two settings it is whole; it must only be survived */
    }
}

static void any_one_byte_changed_is_survived(void **state)
{
    (void) state;
    static const char characters[] = "\0\"{}()[]=;:,#/*@\\ \nLx.e9\xff";
    char text[] = "sources=({name=\"m\";socket=\"/"
                  "s\";database=\"d\";user=\"u\";lanes=2;});drain=\"1s\";#c\n/*d*/x=[1.5,2.5];";
    for (size_t i = 0; i < sizeof text - 1; i++) {
        char before = text[i];
        for (size_t k = 0; k < sizeof characters - 1; k++) {
            text[i] = characters[k];
            case_write_bytes("dueq.conf", text, sizeof text - 1);
            case_problems_of_file();
        }
        text[i] = before;
    }
}

static void binary_junk_is_refused(void **state)
{
    (void) state;
    char junk[2048];
    uint32_t seed = 1;
    for (int round = 0; round < 200; round++) {
        for (size_t i = 0; i < sizeof junk; i++) {
            seed = seed * 1664525 +
                   1013904223; /* Numerical Recipes' generator: the same junk each time */
            junk[i] = (char) (seed >> 24);
            if (round % 2 && junk[i] == '\0')
                junk[i] = '{';
        }
        refused(junk, sizeof junk);
    }
    refused("\x7f"
            "ELF\x02\x01\x01",
            7);
    refused("\xff\xfe\xfd", 3);
    refused("\xef\xbb\xbfsources", 10);
}

static void deep_nesting_is_refused(void **state)
{
    (void) state;
    enum { DEPTH = 200000 };
    static const char *const opening[] = { "(", "[", "{", "a={", "a=(" };
    char *text = malloc(DEPTH * 3 + 1);
    for (size_t i = 0; i < sizeof opening / sizeof *opening; i++) {
        size_t len = strlen(opening[i]);
        for (size_t k = 0; k < DEPTH; k++)
            memcpy(text + k * len, opening[i], len);
        refused(text, DEPTH * len);
    }
    free(text);
    assert_problems(
        "a = (((((((((((((((((((((((((((((((((1)))))))))))))))))))))))))))))))));",
        "dueq.conf:1: "
        "a[0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0]"
        "[0][0][0][0]: too many brackets within brackets");
}

static void huge_pieces_are_refused(void **state)
{
    (void) state;
    enum { SIZE = 1 << 20 };
    char *text = malloc(8 * SIZE);
    char *end = stpcpy(text, CASE_SOURCE "queues = ( { name = \"");
    memset(end, 'x', SIZE);
    size_t len = (size_t) (end - text) + SIZE;
    memcpy(text + len, "\"; } );", 7);
    refused(text, len + 7);
    assert_string_equal(case_problems_of_file(),
                        "dueq.conf:2: queues[0].name: a string of more than 64 KiB");
    refused(text, len); /* and not closed */

    len = (size_t) (end - text) + 65000; /* one that is only too long for a name */
    memcpy(text + len, "\"; } );", 7);
    refused(text, len + 7);
    assert_true(strlen(case_problems_of_file()) < 300);

    memset(text, 'x', SIZE); /* a key of a MiB */
    memcpy(text + SIZE, "=1;", 3);
    refused(text, SIZE + 3);
    assert_string_equal(case_problems_of_file(), "dueq.conf:1: a word of more than 128 bytes");
    memset(text, '9', SIZE); /* a number */
    memcpy(text, "x=", 2);
    refused(text, SIZE);
    memset(text, ' ', 8 * SIZE); /* more than is read at all */
    case_write_bytes("dueq.conf", text, 8 * SIZE);
    struct config *config = NULL;
    struct config_report report = { 0 };
    assert_int_equal(config_load("dueq.conf", &config, &report), -EFBIG);
    assert_string_equal(report.problems[0].text, "dueq.conf: cannot be read: File too large");
    config_report_done(&report);
    for (len = 0; len < SIZE; len += 11) /* a hundred thousand keys */
        sprintf(text + len, "a%07zu=1;", len / 11);
    refused(text, len);
    assert_string_equal(case_problems_of_file(), "dueq.conf:1: a0004096: too many keys");
    for (len = 0; len < SIZE; len += 8) /* as many errors */
        memcpy(text + len, "a = 1s;\n", 8);
    refused(text, len);
    assert_non_null(strstr(case_problems_of_file(),
                           "\ndueq.conf:51: a: too many errors: the rest is not read"));
    free(text);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, case_setup, case_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_file_that_cannot_be_read_says_why),
        TEST(a_syntax_error_is_placed),
        TEST(a_comma_behind_the_last_element_does_no_harm_or_is_placed),
        TEST(what_is_not_closed_is_placed_where_it_begins),
        TEST(a_missing_quote_is_guessed_from_a_string_over_two_lines),
        TEST(a_file_that_is_no_text_is_refused),
        TEST(several_errors_of_syntax_are_reported_where_it_is_known_how_to_go_on),
        TEST(no_error_of_syntax_shows_a_value),
        TEST(an_included_file_takes_the_place_of_its_line),
        TEST(the_place_of_an_error_is_in_the_file_it_stands_in),
        TEST(options_know_the_file_they_stand_in),
        TEST(an_include_in_a_comment_or_string_is_none),
        TEST(a_file_that_cannot_be_included_is_an_error),
        TEST(files_that_include_each_other_come_to_an_end),
        TEST(a_file_cut_off_anywhere_is_refused),
        TEST(any_one_byte_changed_is_survived),
        TEST(binary_junk_is_refused),
        TEST(deep_nesting_is_refused),
        TEST(huge_pieces_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
