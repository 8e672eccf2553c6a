#include "process.h"
#include "fail.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "directory.h"
#include "wait.h"

enum { LIMIT_S = 60 };

static int tear_down(void **state)
{
    (void) state;
    process_end_all();
    return 0;
}

static void what_a_process_writes_is_kept_apart(void **state)
{
    (void) state;
    char *out, *err;
    int status = process_run(
        (const char *const[]){ "sh", "-c", "echo to out; echo to err >&2; exit 3", NULL }, &out,
        &err);
    assert_int_equal(status, 3);
    assert_string_equal(out, "to out\n");
    assert_string_equal(err, "to err\n");
    free(out);
    free(err);
}

static void a_line_is_waited_for_and_only_found_once(void **state)
{
    (void) state;
    struct process *process = process_start("sh", "-c", "echo one ready >&2; sleep 600 & wait",
                                            NULL);
    process_expect_line(process, "ready", LIMIT_S);
    assert_false(process_wait_line(process, "ready", 0));
    assert_true(process_is_running(process));
    assert_int_equal(process_count(process, "ready"), 1);
}

static void a_line_that_is_not_ended_is_not_found(void **state)
{
    (void) state;
    struct process *process = process_start("sh", "-c", "printf half >&2", NULL);
    assert_false(process_wait_line(process, "half", LIMIT_S));
    assert_string_equal(process_stderr(process), "half");
}

static void waiting_for_a_line_ends_with_the_process(void **state)
{
    (void) state;
    struct process *process = process_start("sh", "-c", "echo last words", NULL);
    assert_true(process_wait_line(process, "words", LIMIT_S));
    assert_false(process_wait_line(process, "more", LIMIT_S));
}

static void a_signal_shows_in_the_exit_status(void **state)
{
    (void) state;
    struct process *process = process_start("sleep", "600", NULL);
    process_signal(process, SIGTERM);
    assert_int_equal(process_wait(process, LIMIT_S), 128 + SIGTERM);
}

static void the_environment_and_the_input_can_be_given(void **state)
{
    (void) state;
    setenv("DUEQ_TEST_GONE", "still there", 1);
    struct process *process = process_start_with(
        (const char *const[]){ "sh", "-c", "echo \"$DUEQ_TEST_NEW|$DUEQ_TEST_GONE\"; cat", NULL },
        (const char *const[]){ "DUEQ_TEST_NEW=here", "DUEQ_TEST_GONE", NULL }, "the input");
    assert_int_equal(process_wait(process, LIMIT_S), 0);
    assert_string_equal(process_stdout(process), "here|\nthe input");
}

static void a_program_that_is_not_there_ends_with_127(void **state)
{
    (void) state;
    struct process *process = process_start("/nowhere/program", NULL);
    assert_int_equal(process_wait(process, LIMIT_S), 127);
}

static bool is_no_process(void *pid)
{
    char path[32];
    snprintf(path, sizeof path, "/proc/%d/stat", *(pid_t *) pid);
    FILE *file = fopen(path, "re");
    if (!file)
        return true;
    char state = 0;
    (void) !fscanf(file, "%*d %*s %c", &state);
    fclose(file);
    return state == 'Z';
}

static void freeing_a_process_kills_what_it_started(void **state)
{
    (void) state;
    struct process *process = process_start("sh", "-c", "sleep 600 & echo $!; wait", NULL);
    assert_true(process_wait_line(process, "", LIMIT_S));
    pid_t grandchild = (pid_t) strtol(process_stdout(process), NULL, 10);
    assert_false(is_no_process(&grandchild));
    process_free(process);
    assert_true(wait_until(is_no_process, &grandchild, LIMIT_S));
}

static void a_process_dies_with_the_test_that_was_killed(void **state)
{
    (void) state;
    int ends[2];
    pid_t sleeper = 0;
    assert_int_equal(pipe(ends), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        sleeper = process_id(process_start("sleep", "600", NULL));
        (void) !write(ends[1], &sleeper, sizeof sleeper);
        for (;;)
            pause();
    }
    assert_int_equal(read(ends[0], &sleeper, sizeof sleeper), sizeof sleeper);
    close(ends[0]);
    close(ends[1]);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    assert_true(wait_until(is_no_process, &sleeper, LIMIT_S));
}

static void a_file_is_written_with_its_mode_and_read_whole(void **state)
{
    (void) state;
    char path[128];
    snprintf(path, sizeof path, "%s/file", test_directory_new());
    test_file_write(path, 0600, "first");
    test_file_write(path, 0400, "a \xff byte\n");
    assert_int_equal(access(path, R_OK), 0);
    char *text = test_file_read(path);
    assert_string_equal(text, "a \xff byte\n");
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(what_a_process_writes_is_kept_apart, tear_down),
        cmocka_unit_test_teardown(a_line_is_waited_for_and_only_found_once, tear_down),
        cmocka_unit_test_teardown(a_line_that_is_not_ended_is_not_found, tear_down),
        cmocka_unit_test_teardown(waiting_for_a_line_ends_with_the_process, tear_down),
        cmocka_unit_test_teardown(a_signal_shows_in_the_exit_status, tear_down),
        cmocka_unit_test_teardown(the_environment_and_the_input_can_be_given, tear_down),
        cmocka_unit_test_teardown(a_program_that_is_not_there_ends_with_127, tear_down),
        cmocka_unit_test_teardown(freeing_a_process_kills_what_it_started, tear_down),
        cmocka_unit_test_teardown(a_process_dies_with_the_test_that_was_killed, tear_down),
        cmocka_unit_test_teardown(a_file_is_written_with_its_mode_and_read_whole, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
