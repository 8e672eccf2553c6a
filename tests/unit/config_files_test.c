#include "config.h"

#include <malloc.h>
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

/* Passwords and the files that a configuration names. */

#define WITH_FILE CASE_SOURCE_WITH("socket = \"/s\"; password_file = \"secret\";")

static char *in_here(const char *format)
{
    char *here = getcwd(NULL, 0), *text;
    assert_true(asprintf(&text, format, here) >= 0);
    free(here);
    return text;
}

static void assert_problems_here(const char *text, const char *format)
{
    char *expected = in_here(format);
    assert_problems(text, expected);
    free(expected);
}

static void a_password_file_is_found_beside_the_configuration(void **state)
{
    (void) state;
    case_write("secret", 0600, "s3cret pass word");
    const struct config *config = case_load(WITH_FILE);
    char *path = in_here("%s/secret");
    assert_string_equal(config->sources[0].password, "s3cret pass word");
    assert_string_equal(config->sources[0].password_file, path);
    free(path);
}

static void one_newline_at_its_end_does_not_count(void **state)
{
    (void) state;
    case_write("secret", 0600, "s3cret\n");
    assert_string_equal(case_load(WITH_FILE)->sources[0].password, "s3cret");
    case_write("secret", 0600, "s3cret\r\n");
    assert_string_equal(case_load(WITH_FILE)->sources[0].password, "s3cret");
    case_write("secret", 0600, " s3cret \n\n");
    assert_string_equal(case_load(WITH_FILE)->sources[0].password, " s3cret \n");
}

static void under_systemd_a_relative_path_is_a_credential(void **state)
{
    (void) state;
    mkdir("credentials", 0700);
    case_write("credentials/secret", 0400, "from systemd\n");
    case_write("secret", 0600, "beside\n");
    char *credentials = in_here("%s/credentials");
    setenv("CREDENTIALS_DIRECTORY", credentials, 1);
    assert_string_equal(case_load(WITH_FILE)->sources[0].password, "from systemd");
    remove("credentials/secret");
    assert_problems_here(
        WITH_FILE,
        "dueq.conf:2: sources[0].password_file: %s/credentials/secret cannot be read: No "
        "such file or directory");
    setenv("CREDENTIALS_DIRECTORY", "", 1);
    assert_string_equal(case_load(WITH_FILE)->sources[0].password, "beside");
    free(credentials);
}

static void an_absolute_path_is_taken_as_it_is(void **state)
{
    (void) state;
    case_write("secret", 0600, "x");
    setenv("CREDENTIALS_DIRECTORY", "/nowhere", 1);
    char *text = in_here(CASE_SOURCE_WITH("socket = \"/s\"; password_file = \"%s/secret\";"));
    assert_string_equal(case_load(text)->sources[0].password, "x");
    free(text);
}

static void a_password_file_that_cannot_be_read_is_named(void **state)
{
    (void) state;
    assert_problems_here(WITH_FILE, "dueq.conf:2: sources[0].password_file: %s/secret cannot be "
                                    "read: No such file or directory");
    mkdir("secret", 0700);
    assert_problems_here(
        WITH_FILE,
        "dueq.conf:2: sources[0].password_file: %s/secret cannot be read: Is a directory");
    rmdir("secret");
    if (geteuid() != 0) { /* whom no mode keeps out */
        case_write("secret", 0, "x");
        assert_problems_here(
            WITH_FILE,
            "dueq.conf:2: sources[0].password_file: %s/secret cannot be read: Permission denied");
    }
    assert_problems(
        CASE_SOURCE_WITH("socket = \"/s\"; password_file = \"\";"),
        "dueq.conf:2: sources[0].password_file: expected the path of a file, found \"\"");
}

static void a_password_file_without_a_password_is_an_error(void **state)
{
    (void) state;
    case_write("secret", 0600, "");
    assert_problems_here(WITH_FILE,
                         "dueq.conf:2: sources[0].password_file: %s/secret holds no password");
    case_write("secret", 0600, "\n");
    assert_problems_here(WITH_FILE,
                         "dueq.conf:2: sources[0].password_file: %s/secret holds no password");
    case_write_bytes("secret", "a\0b", 3);
    assert_problems_here(
        WITH_FILE,
        "dueq.conf:2: sources[0].password_file: %s/secret holds a NUL byte, which no password has");
    char large[5000];
    memset(large, 'x', sizeof large);
    case_write_bytes("secret", large, sizeof large);
    assert_problems_here(
        WITH_FILE,
        "dueq.conf:2: sources[0].password_file: %s/secret cannot be read: File too large");
}

static void a_password_file_that_everybody_can_read_is_a_warning(void **state)
{
    (void) state;
    case_write("secret", 0644, "x");
    char *expected = in_here("warning: dueq.conf:2: sources[0].password_file: others than its "
                             "owner can read %1$s/secret; "
                             "run: chmod 600 %1$s/secret");
    assert_problems(WITH_FILE, expected);
    free(expected);
    case_write("secret", 0640, "x"); /* for the group it may be meant */
    case_load(WITH_FILE);
}

static void a_password_in_a_file_that_others_can_read_is_a_warning(void **state)
{
    (void) state;
    static const char text[] = CASE_SOURCE_WITH("socket = \"/s\"; password = \"s3cret\";");
    static const char warning[] =
        "warning: dueq.conf:2: sources[0].password: others than its owner can read dueq.conf; "
        "run: chmod 600 dueq.conf";
    case_write("dueq.conf", 0600, text);
    assert_string_equal(case_load_file()->sources[0].password, "s3cret");
    case_write("dueq.conf", 0640, text);
    assert_string_equal(case_problems_of_file(), warning);
    case_write("dueq.conf", 0604, text);
    assert_string_equal(case_problems_of_file(), warning);
    case_write("dueq.conf", 0644, CASE_SOURCE_WITH("socket = \"/s\"; password = \"\";"));
    case_load_file();
    case_write("dueq.conf", 0644, CASE_SOURCE);
    case_load_file();
}

static void the_file_that_counts_is_the_one_the_password_stands_in(void **state)
{
    (void) state;
    case_write("dueq.conf", 0644,
               CASE_SOURCE_WITH("socket = \"/s\";\n@include \"password.conf\"\n"));
    case_write("password.conf", 0600, "password = \"s3cret\";");
    assert_string_equal(case_load_file()->sources[0].password, "s3cret");
    case_write("dueq.conf", 0600,
               CASE_SOURCE_WITH("socket = \"/s\";\n@include \"password.conf\"\n"));
    case_write("password.conf", 0644, "password = \"s3cret\";");
    assert_string_equal(case_problems_of_file(),
                        "warning: password.conf:1: sources[0].password: others than its owner "
                        "can read password.conf; run: chmod 600 password.conf");
}

static void a_password_and_a_password_file_are_one_too_many(void **state)
{
    (void) state;
    case_write("secret", 0600, "x");
    assert_problems(
        CASE_SOURCE_WITH("socket = \"/s\"; password = \"y\";\npassword_file = \"secret\";"),
        "dueq.conf:2: sources[0].password: cannot stand together with password_file (dueq.conf:3); "
        "keep "
        "one of them");
}

static void a_password_of_the_wrong_type_is_not_shown(void **state)
{
    (void) state;
    assert_problems(CASE_SOURCE_WITH("socket = \"/s\"; password = 1234;"),
                    "dueq.conf:2: sources[0].password: expected a string of at most 4096 bytes, "
                    "found an integer");
    assert_problems(
        CASE_SOURCE_WITH("socket = \"/s\"; password = [ \"tr0ub4dor\" ];"),
        "dueq.conf:2: sources[0].password: expected a string of at most 4096 bytes, found a list");
}

static void the_files_of_tls_must_be_there(void **state)
{
    (void) state;
    assert_problems_here(
        CASE_SOURCE_WITH("host = \"h\"; tls = { mode = \"verify-ca\"; ca = \"ca.pem\"; };"),
        "dueq.conf:2: sources[0].tls.ca: %s/ca.pem cannot be read: No such file or directory");
}

/* -------- what is left in memory: every piece that our code frees is looked through (--wrap=free)
 */

static const char *never_freed;
static unsigned freed_with_secret, freed;

void __real_free(void *memory);
void __wrap_free(void *memory);
void __wrap_free(void *memory)
{
    if (memory && never_freed) {
        freed++;
        if (memmem(memory, malloc_usable_size(memory), never_freed, strlen(never_freed)))
            freed_with_secret++;
    }
    __real_free(memory);
}

static void load_and_free(const char *text, const char *secret)
{
    struct config *config = NULL;
    struct config_report report = { 0 };
    case_write("dueq.conf", 0600, text);
    never_freed = secret;
    freed = freed_with_secret = 0;
    int r = config_load("dueq.conf", &config, &report);
    config_free(config);
    config_report_done(&report);
    never_freed = NULL;
    (void) r;
    assert_true(freed > 0);
}

static void no_password_is_left_in_memory_that_is_given_back(void **state)
{
    (void) state;
    char junk[40000]; /* so that the text grows, and passes through several pieces of memory */
    memset(junk, ' ', sizeof junk);
    junk[sizeof junk - 1] = '\0';
    char *text;
    assert_true(asprintf(&text, CASE_SOURCE_WITH("socket = \"/s\"; password = \"tr0ub4dor\";%s"),
                         junk) > 0);
    load_and_free(text, "tr0ub4dor");
    free(text);
    assert_int_equal(freed_with_secret, 0);
    case_write("secret", 0600, "tr0ub4dor");
    load_and_free(WITH_FILE, "tr0ub4dor");
    assert_int_equal(freed_with_secret, 0);
    load_and_free(
        CASE_SOURCE
        "kinds = ( { kind = \"a\"; handler = \"h\"; options = { secret = \"tr0ub4dor\"; }; } );",
        "tr0ub4dor");
    assert_int_equal(freed_with_secret, 0);
    load_and_free(CASE_SOURCE_WITH("password = \"tr0ub4dor\"; wrong = 1;"), "tr0ub4dor");
    assert_int_equal(freed_with_secret, 0);
    load_and_free(CASE_SOURCE_WITH("password = \"tr0ub4dor\"; wrong = ( 1;"), "tr0ub4dor");
    assert_int_equal(freed_with_secret, 0);
    load_and_free(CASE_SOURCE "drain = 5;", "dueq.conf:2"); /* that the look finds what is there */
    assert_true(freed_with_secret > 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, case_setup, case_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_password_file_is_found_beside_the_configuration),
        TEST(one_newline_at_its_end_does_not_count),
        TEST(under_systemd_a_relative_path_is_a_credential),
        TEST(an_absolute_path_is_taken_as_it_is),
        TEST(a_password_file_that_cannot_be_read_is_named),
        TEST(a_password_file_without_a_password_is_an_error),
        TEST(a_password_file_that_everybody_can_read_is_a_warning),
        TEST(a_password_in_a_file_that_others_can_read_is_a_warning),
        TEST(the_file_that_counts_is_the_one_the_password_stands_in),
        TEST(a_password_and_a_password_file_are_one_too_many),
        TEST(a_password_of_the_wrong_type_is_not_shown),
        TEST(the_files_of_tls_must_be_there),
        TEST(no_password_is_left_in_memory_that_is_given_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
