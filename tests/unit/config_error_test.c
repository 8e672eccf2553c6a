#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "config_case.h"

/* Values that are wrong in themselves, and what is said of each, to the letter. What does not go
 * together: config_check_test.c; syntax: config_syntax_test.c; passwords and other files:
 * config_files_test.c. */

#define QUEUE(text) CASE_SOURCE "queues = ( { name = \"q\";\n" text " } );\n"
#define RETRY(text) CASE_SOURCE "retry = ( { name = \"r\";\n" text " } );\n"
#define KIND(text) CASE_SOURCE "kinds = ( { handler = \"h\";\n" text " } );\n"
#define NAME_EXPECTED "expected a name of 1 to 64 letters, digits and _ . : -, found "

static const char sixty_four[] = "0123456789012345678901234567890123456789012345678901234567890123";

static void a_file_without_a_source_is_shown_a_minimal_one(void **state)
{
    (void) state;
    static const char rest[] =
        "expected at least one database, found none; for example: sources = ( { name = "
        "\"main\"; socket = \"/run/mysqld/mysqld.sock\"; database = \"shop\"; user = "
        "\"dueq\"; } );";
    char expected[512];
    snprintf(expected, sizeof expected, "dueq.conf: sources: %s", rest);
    assert_problems("", expected);
    assert_problems("\n# nothing\n", expected);
    snprintf(expected, sizeof expected, "dueq.conf:2: sources: %s", rest);
    assert_problems("\nsources = ( );", expected);
}

static void the_minimal_example_is_a_good_file(void **state)
{
    (void) state;
    char *example = strdup(strstr(case_problems(""), "sources = "));
    assert_string_equal(case_load(example)->sources[0].database, "shop");
    free(example);
}

static void a_list_of_groups_can_be_nothing_else(void **state)
{
    (void) state;
    assert_problems("sources = { };",
                    "dueq.conf:1: sources: expected a list of groups ( { … }, … ), found a group");
    assert_problems(CASE_SOURCE "queues = \"default\";",
                    "dueq.conf:2: queues: expected a list of groups ( { … }, … ), found the string "
                    "\"default\"");
    assert_problems(CASE_SOURCE "queues = ( { name = \"a\"; }, 5 );",
                    "dueq.conf:2: queues[1]: expected a group { … }, found an integer");
    assert_problems(CASE_SOURCE "log = \"info\";",
                    "dueq.conf:2: log: expected a group { … }, found the string \"info\"");
    assert_problems(CASE_SOURCE "queues = ( );",
                    "dueq.conf:2: queues: expected at least one queue, found none; "
                    "without `queues` there is one named default");
}

static void a_required_key_must_be_there(void **state)
{
    (void) state;
    assert_problems(
        "sources = (\n{ socket = \"/s\"; } );",
        "dueq.conf:2: sources[0].name: " NAME_EXPECTED "nothing\n"
        "dueq.conf:2: sources[0].database: expected a string of 1 to 64 bytes, found nothing\n"
        "dueq.conf:2: sources[0].user: expected a string of 1 to 80 bytes, found nothing");
    assert_problems(
        CASE_SOURCE "queues = ( { } ); kinds = ( { kind = \"a\"; } );\nretry = ( { } );",
        "dueq.conf:2: queues[0].name: " NAME_EXPECTED "nothing\n"
        "dueq.conf:2: kinds[0].handler: expected a handler's name of 1 to 64 small letters, digits "
        "and _ . -, found nothing\n"
        "dueq.conf:3: retry[0].name: " NAME_EXPECTED "nothing");
}

static void an_unknown_key_is_an_error_that_suggests_the_near_one(void **state)
{
    (void) state;
    assert_problems(QUEUE("thread = 8;"),
                    "dueq.conf:3: queues[0].thread: unknown key; did you mean 'threads'?");
    assert_problems(QUEUE("theards = 8;"),
                    "dueq.conf:3: queues[0].theards: unknown key; did you mean 'threads'?");
    assert_problems(CASE_SOURCE "queue = ( );",
                    "dueq.conf:2: queue: unknown key; did you mean 'queues'?");
    assert_problems(CASE_SOURCE_WITH("socket = \"/s\"; tls = { moed = \"off\"; };"),
                    "dueq.conf:2: sources[0].tls.moed: unknown key; did you mean 'mode'?");
}

static void a_key_that_belongs_elsewhere_is_told_where(void **state)
{
    (void) state;
    assert_problems(QUEUE("lanes = 2;"),
                    "dueq.conf:3: queues[0].lanes: unknown key; it belongs in sources");
    assert_problems(
        CASE_SOURCE_WITH("socket = \"/s\"; timeout = \"1s\";"),
        "dueq.conf:2: sources[0].timeout: unknown key; it belongs in queues and in kinds");
    assert_problems(QUEUE("drain = \"1s\";"),
                    "dueq.conf:3: queues[0].drain: unknown key; it belongs outside of all groups");
    assert_problems(CASE_SOURCE "mode = 1;",
                    "dueq.conf:2: mode: unknown key; it belongs in sources.tls");
}

static void a_key_like_no_other_is_shown_what_there_is(void **state)
{
    (void) state;
    assert_problems(CASE_SOURCE "log = { colour = true; };",
                    "dueq.conf:2: log.colour: unknown key; here can be level");
    assert_problems(CASE_SOURCE "x = 1;",
                    "dueq.conf:2: x: unknown key; here can be sources, queues, kinds, retry, "
                    "handlers, log, drain, state, crash_limit, keep_errors");
}

static void an_integer_is_within_its_bounds(void **state)
{
    (void) state;
    assert_problems(QUEUE("threads = 0;"),
                    "dueq.conf:3: queues[0].threads: expected an integer from 1 to 1024, found 0");
    assert_problems(
        QUEUE("threads = 1025;"),
        "dueq.conf:3: queues[0].threads: expected an integer from 1 to 1024, found 1025");
    assert_problems(QUEUE("threads = -1;"),
                    "dueq.conf:3: queues[0].threads: expected an integer from 1 to 1024, found -1");
    assert_problems(
        QUEUE("batch = 10001;"),
        "dueq.conf:3: queues[0].batch: expected an integer from 1 to 10000, found 10001");
    assert_problems(CASE_SOURCE_WITH("socket = \"/s\"; lanes = 65;"),
                    "dueq.conf:2: sources[0].lanes: expected an integer from 1 to 64, found 65");
    assert_problems(
        CASE_SOURCE_WITH("host = \"h\"; port = 65536;"),
        "dueq.conf:2: sources[0].port: expected an integer from 1 to 65535, found 65536");
    assert_problems(
        RETRY("attempts = 0;"),
        "dueq.conf:3: retry[0].attempts: expected an integer from 1 to 1000000, found 0");
}

/* libconfig 1.5 reads 4294967297 as 1. */
static void an_integer_of_more_than_32_bits_does_not_wrap(void **state)
{
    (void) state;
    assert_problems(
        QUEUE("threads = 4294967297;"),
        "dueq.conf:3: queues[0].threads: expected an integer from 1 to 1024, found 4294967297");
    assert_problems(
        QUEUE("threads = 0x100000001;"),
        "dueq.conf:3: queues[0].threads: expected an integer from 1 to 1024, found 4294967297");
    assert_problems(QUEUE("threads = 9223372036854775807L;"),
                    "dueq.conf:3: queues[0].threads: expected an integer from 1 to 1024, found "
                    "9223372036854775807");
    assert_problems(QUEUE("threads = 9223372036854775808;"),
                    "dueq.conf:3: queues[0].threads: an integer that does not fit into 64 bits");
}

static void a_wrong_type_is_named(void **state)
{
    (void) state;
    assert_problems(QUEUE("threads = \"8\";"), "dueq.conf:3: queues[0].threads: expected an "
                                               "integer from 1 to 1024, found the string \"8\"");
    assert_problems(
        QUEUE("threads = 8.0;"),
        "dueq.conf:3: queues[0].threads: expected an integer from 1 to 1024, found the number 8");
    assert_problems(QUEUE("threads = true;"), "dueq.conf:3: queues[0].threads: expected an integer "
                                              "from 1 to 1024, found the boolean true");
    assert_problems(
        QUEUE("threads = [ 1 ];"),
        "dueq.conf:3: queues[0].threads: expected an integer from 1 to 1024, found a list");
    assert_problems(
        QUEUE("threads = ( );"),
        "dueq.conf:3: queues[0].threads: expected an integer from 1 to 1024, found an empty list");
    assert_problems(
        QUEUE("threads = { a = 1; };"),
        "dueq.conf:3: queues[0].threads: expected an integer from 1 to 1024, found a group");
    assert_problems(CASE_SOURCE "queues = ( { name = 5; } );",
                    "dueq.conf:2: queues[0].name: " NAME_EXPECTED "the integer 5");
    assert_problems(
        QUEUE("retry = 1;"),
        "dueq.conf:3: queues[0].retry: expected the name of a retry policy, found the integer 1");
    assert_problems(KIND("kind = \"a\"; options = \"x\";"),
                    "dueq.conf:3: kinds[0].options: expected a group of options "
                    "{ name = value; … }, found the string \"x\"");
}

static void a_duration_needs_its_unit(void **state)
{
    (void) state;
    assert_problems(QUEUE("timeout = 30;"),
                    "dueq.conf:3: queues[0].timeout: expected a duration from 1ms to 30d, "
                    "found the integer 30; write \"30s\"");
    assert_problems(QUEUE("timeout = \"30\";"),
                    "dueq.conf:3: queues[0].timeout: expected a duration from 1ms to 30d, found "
                    "\"30\"; write \"30s\"");
    assert_problems(
        QUEUE("timeout = 30s;"),
        "dueq.conf:3: queues[0].timeout: a number with a unit is written in quotes, as in \"30s\"");
    assert_problems(
        QUEUE("timeout = \"1 m\"; poll = -1;"),
        "dueq.conf:3: queues[0].poll: expected a duration from 1ms to 1h, found the integer -1\n"
        "dueq.conf:3: queues[0].timeout: expected a duration from 1ms to 30d, found \"1 m\"");
}

static void a_duration_is_within_its_bounds(void **state)
{
    (void) state;
    assert_problems(
        QUEUE("lease = \"999ms\";"),
        "dueq.conf:3: queues[0].lease: expected a duration from 1s to 1d, found \"999ms\"");
    assert_problems(
        QUEUE("lease = \"24h1s\";"),
        "dueq.conf:3: queues[0].lease: expected a duration from 1s to 1d, found \"24h1s\"");
    assert_problems(QUEUE("timeout = \"0\";"),
                    "dueq.conf:3: queues[0].timeout: expected a duration from 1ms to 30d, found "
                    "\"0\"; write \"0s\"");
    assert_problems(QUEUE("timeout = \"99999999999d\";"),
                    "dueq.conf:3: queues[0].timeout: expected a duration from 1ms to 30d, found "
                    "\"99999999999d\"");
    assert_problems(CASE_SOURCE "drain = \"2h\";",
                    "dueq.conf:2: drain: expected a duration from 0s to 1h, found \"2h\"");
}

static void a_choice_is_one_of_its_words(void **state)
{
    (void) state;
    assert_problems(CASE_SOURCE "log = { level = \"verbose\"; };",
                    "dueq.conf:2: log.level: expected \"error\", \"warning\", \"info\" or "
                    "\"debug\", found \"verbose\"");
    assert_problems(
        CASE_SOURCE_WITH("socket = \"/s\"; tls = { mode = true; };"),
        "dueq.conf:2: sources[0].tls.mode: expected \"off\", \"required\", \"verify-ca\" or "
        "\"verify-identity\", found the boolean true");
}

static void a_number_is_within_its_bounds(void **state)
{
    (void) state;
    assert_problems(RETRY("jitter = -0.1;"),
                    "dueq.conf:3: retry[0].jitter: expected a number from 0 to 1, found -0.1");
    assert_problems(RETRY("jitter = 2;"),
                    "dueq.conf:3: retry[0].jitter: expected a number from 0 to 1, found 2");
    assert_problems(RETRY("factor = 0.5;"),
                    "dueq.conf:3: retry[0].factor: expected a number from 1 to 100, found 0.5");
    assert_problems(RETRY("factor = 1.0e999;"),
                    "dueq.conf:3: retry[0].factor: expected a number from 1 to 100, found inf");
    assert_problems(
        RETRY("factor = \"2\";"),
        "dueq.conf:3: retry[0].factor: expected a number from 1 to 100, found the string \"2\"");
}

static void a_name_is_of_few_characters_and_not_long(void **state)
{
    (void) state;
    char text[512];
    assert_problems(CASE_SOURCE "queues = ( { name = \"a b\"; } );",
                    "dueq.conf:2: queues[0].name: " NAME_EXPECTED "\"a b\"");
    assert_problems(CASE_SOURCE "queues = ( { name = \"\"; } );",
                    "dueq.conf:2: queues[0].name: " NAME_EXPECTED "\"\"");
    snprintf(text, sizeof text, CASE_SOURCE "queues = ( { name = \"%s\"; } );", sixty_four);
    assert_string_equal(case_load(text)->queues[0].name, sixty_four);
    snprintf(text, sizeof text, CASE_SOURCE "queues = ( { name = \"%s4\"; } );", sixty_four);
    assert_non_null(strstr(case_problems(text), NAME_EXPECTED));
}

static void a_value_that_is_shown_is_cut_and_cannot_forge_a_line(void **state)
{
    (void) state;
    assert_problems(CASE_SOURCE "queues = ( { name = \"a\n\\x1b[1m\xff\"; } );",
                    "dueq.conf:2: queues[0].name: " NAME_EXPECTED "\"a  [1m\xef\xbf\xbd\"");
    char text[512];
    snprintf(text, sizeof text, CASE_SOURCE "queues = ( { name = \"%s%s\"; } );", sixty_four,
             sixty_four);
    assert_problems(
        text,
        "dueq.conf:2: queues[0].name: " NAME_EXPECTED
        "\"01234567890123456789012345678901234567890123456789012345678901230123456789012345…\"");
}

static void a_kind_is_a_name_or_a_prefix(void **state)
{
    (void) state;
    static const char *const bad[] = { "", "**", "*.a", "order*", "order.*.x", ".**", "a b.*" };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char text[256], expected[256];
        snprintf(text, sizeof text, KIND("kind = \"%s\";"), bad[i]);
        snprintf(expected, sizeof expected,
                 "dueq.conf:3: kinds[0].kind: expected a kind of 1 to 64 letters, digits and _ . : "
                 "-, a prefix that "
                 "ends in \".*\", or \"*\", found \"%s\"",
                 bad[i]);
        assert_problems(text, expected);
    }
    assert_problems(CASE_SOURCE "kinds = ( { kind = \"a\"; handler = \"Http\"; } );",
                    "dueq.conf:2: kinds[0].handler: expected a handler's name of 1 to 64 small "
                    "letters, digits and "
                    "_ . -, found \"Http\"");
}

static void a_socket_is_an_absolute_path_that_fits(void **state)
{
    (void) state;
    assert_problems(
        CASE_SOURCE_WITH("socket = \"mysqld.sock\";"),
        "dueq.conf:2: sources[0].socket: expected an absolute path of at most 107 bytes, found "
        "\"mysqld.sock\"");
    char text[512];
    snprintf(text, sizeof text, CASE_SOURCE_WITH("socket = \"/%s%.43s\";"), sixty_four, sixty_four);
    assert_non_null(strstr(case_problems(text), "expected an absolute path of at most 107 bytes"));
}

static void a_schedule_is_a_list_of_durations(void **state)
{
    (void) state;
    assert_problems(RETRY("schedule = [ ];"), "dueq.conf:3: retry[0].schedule: expected a list of "
                                              "durations [ \"…\", … ], found an empty list");
    assert_problems(RETRY("schedule = \"15s\";"),
                    "dueq.conf:3: retry[0].schedule: expected a list of durations [ \"…\", … ], "
                    "found the string \"15s\"");
    assert_problems(
        RETRY("schedule = [ \"15s\",\n\"x\", \"30\" ];"),
        "dueq.conf:4: retry[0].schedule[1]: expected a duration from 0s to 365d, found \"x\"\n"
        "dueq.conf:4: retry[0].schedule[2]: expected a duration from 0s to 365d, found \"30\"; "
        "write \"30s\"");
}

static void an_option_is_simple_or_a_list_of_what_is(void **state)
{
    (void) state;
    assert_problems(KIND("kind = \"a\"; options = { a = ( 1, { b = 1; },\n( 1 ) ); };"),
                    "dueq.conf:3: kinds[0].options.a[1]: expected a string, a number, true or "
                    "false in a list of "
                    "options, found a group\n"
                    "dueq.conf:4: kinds[0].options.a[2]: expected a string, a number, true or "
                    "false in a list of "
                    "options, found a list");
    assert_problems(KIND("kind = \"a\"; options = { a = 1.0e999; };"),
                    "dueq.conf:3: kinds[0].options.a: expected a finite number");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, case_setup, case_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_file_without_a_source_is_shown_a_minimal_one),
        TEST(the_minimal_example_is_a_good_file),
        TEST(a_list_of_groups_can_be_nothing_else),
        TEST(a_required_key_must_be_there),
        TEST(an_unknown_key_is_an_error_that_suggests_the_near_one),
        TEST(a_key_that_belongs_elsewhere_is_told_where),
        TEST(a_key_like_no_other_is_shown_what_there_is),
        TEST(an_integer_is_within_its_bounds),
        TEST(an_integer_of_more_than_32_bits_does_not_wrap),
        TEST(a_wrong_type_is_named),
        TEST(a_duration_needs_its_unit),
        TEST(a_duration_is_within_its_bounds),
        TEST(a_choice_is_one_of_its_words),
        TEST(a_number_is_within_its_bounds),
        TEST(a_name_is_of_few_characters_and_not_long),
        TEST(a_value_that_is_shown_is_cut_and_cannot_forge_a_line),
        TEST(a_kind_is_a_name_or_a_prefix),
        TEST(a_socket_is_an_absolute_path_that_fits),
        TEST(a_schedule_is_a_list_of_durations),
        TEST(an_option_is_simple_or_a_list_of_what_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
