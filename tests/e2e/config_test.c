#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "daemon.h"
#include "directory.h"
#include "fail.h"
#include "scene.h"

/* What dueqd says of its configuration, on the command line and at its start. */

/* The exit status of `dueqd -c config option`; *ret_stdout, *ret_stderr to be freed, or NULL. */
static int run(const char *config, const char *option, char **ret_stdout, char **ret_stderr)
{
    const char *const arguments[] = { "dueqd", "-c", config, option, NULL };
    return process_run(arguments, ret_stdout, ret_stderr);
}

/* Both --check and a start end with 78 and name the place. */
static void expect_refused(const char *config, const char *words)
{
    const char *const options[] = { "--check", NULL };
    char expected[256];
    snprintf(expected, sizeof expected, "%s%s", config, words);
    for (int i = 0; i < 2; i++) {
        char *errors = NULL;
        int status = run(config, options[i], NULL, &errors);
        if (status != 78 || !strstr(errors, expected))
            test_fail("ended with %d and said\n%s and not \"%s\"", status, errors, expected);
        free(errors);
    }
}

static void an_unknown_key_is_refused_with_its_place_and_the_nearest_name(void **state)
{
    struct scene *scene = *state;
    const char *config = scene_config_text(scene,
                                           "queues = (\n  { name = \"default\";\n    treads = "
                                           "4; } );");
    expect_refused(config, ":5: queues[0].treads");
    char *errors = NULL;
    run(config, "--check", NULL, &errors);
    assert_non_null(strstr(errors, "threads"));
    free(errors);
}

static void every_mistake_is_named_with_its_line_key_and_value(void **state)
{
    struct scene *scene = *state;
    const char *config = scene_config_text(scene,
                                           "queues = (\n"
                                           "  { name = \"a\"; threads = \"four\"; },\n"
                                           "  { name = \"a\"; threads = 0; },\n"
                                           "  { name = \"c\"; lease = \"1 day\"; retry = "
                                           "\"gentel\"; } );\n"
                                           "kinds = ( { kind = \"x\"; handler = \"noop\"; },\n"
                                           "  { kind = \"x\"; handler = \"noop\"; } );\n");
    expect_refused(config, ":4: queues[0].threads: expected an integer");
    expect_refused(config, ":5: queues[1].threads: expected an integer from 1 to 1024, found 0");
    expect_refused(config, ":5: queues[1].name");
    expect_refused(config, ":6: queues[2].lease");
    expect_refused(config, ":6: queues[2].retry");
    expect_refused(config, ":8: kinds[1].kind");
}

static void a_file_that_is_not_there_or_cannot_be_read_is_refused(void **state)
{
    struct scene *scene = *state;
    char path[160];
    snprintf(path, sizeof path, "%s/nothing.conf", scene->directory);
    expect_refused(path, ": cannot be read: No such file or directory");
    test_file_write(path, 0644, "sources = ( {");
    expect_refused(path, ":1: sources[0]: what is opened here is not closed");
}

static void a_password_file_that_is_not_there_is_refused(void **state)
{
    struct scene *scene = *state;
    char path[160];
    const char *config = scene_config(scene, NULL, NULL);
    snprintf(path, sizeof path, "%s/password", scene->directory);
    assert_int_equal(remove(path), 0);
    expect_refused(config, ":1: sources[0].password_file");
}

static void an_option_that_the_handler_does_not_know_is_refused(void **state)
{
    struct scene *scene = *state;
    expect_refused(scene_config_text(scene,
                                     "kinds = ( { kind = \"x\"; handler = \"noop\";\n options = "
                                     "{ sleeep = \"1s\"; }; } );"),
                   ":4: kinds[0].options.sleeep");
    expect_refused(scene_config_text(scene,
                                     "kinds = ( { kind = \"x\"; handler = \"noop\";\n options = "
                                     "{ sleep = \"soon\"; }; } );"),
                   ":4: kinds[0].options.sleep");
    expect_refused(scene_config_text(scene, "kinds = ( { kind = \"x\"; handler = \"nop\"; } );"),
                   ":3: kinds[0].handler");
}

static void check_says_ok_and_connects_to_nothing(void **state)
{
    struct scene *scene = *state;
    char *words = NULL;
    const char *config = scene_config(scene, NULL, NULL);
    assert_int_equal(run(config, "--check", &words, NULL), 0);
    assert_non_null(strstr(words, ": ok"));
    free(words);
}

static void what_print_config_prints_loads_and_says_the_same(void **state)
{
    struct scene *scene = *state;
    char *first = NULL, *second = NULL, path[160];
    const char *config = scene_config(
        scene, "threads = 3; lease = \"1m30s\"; retry = \"mine\";",
        "retry = ( { name = \"mine\"; schedule = [ \"1s\", \"2m\" ]; } ); drain = \"7s\";");
    assert_int_equal(run(config, "--print-config", &first, NULL), 0);
    snprintf(path, sizeof path, "%s/printed.conf", scene->directory);
    test_file_write(path, 0600, first);
    assert_int_equal(run(path, "--print-config", &second, NULL), 0);
    assert_string_equal(second, first);
    assert_int_equal(run(path, "--check", NULL, NULL), 0);
    assert_non_null(strstr(first, "\"1m30s\""));
    assert_null(strstr(first, scene->database->daemon.password));
    free(first);
    free(second);

    struct process *daemon = daemon_start(path);
    daemon_stop(daemon);
}

static void wrong_usage_is_said_so(void **state)
{
    (void) state;
    char *errors = NULL;
    assert_int_equal(
        process_run((const char *const[]){ "dueqd", "--nonsense", NULL }, NULL, &errors), 64);
    free(errors);
    assert_int_equal(process_run((const char *const[]){ "dueqd", "more", NULL }, NULL, &errors),
                     64);
    assert_non_null(strstr(errors, "more"));
    free(errors);
    char *words = NULL;
    assert_int_equal(process_run((const char *const[]){ "dueqd", "--help", NULL }, &words, NULL),
                     0);
    assert_non_null(strstr(words, "--check"));
    free(words);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENE_TEST(an_unknown_key_is_refused_with_its_place_and_the_nearest_name),
        SCENE_TEST(every_mistake_is_named_with_its_line_key_and_value),
        SCENE_TEST(a_file_that_is_not_there_or_cannot_be_read_is_refused),
        SCENE_TEST(a_password_file_that_is_not_there_is_refused),
        SCENE_TEST(an_option_that_the_handler_does_not_know_is_refused),
        SCENE_TEST(check_says_ok_and_connects_to_nothing),
        SCENE_TEST(what_print_config_prints_loads_and_says_the_same),
        SCENE_TEST(wrong_usage_is_said_so),
    };
    return SCENE_RUN(tests);
}
