#include "fail.h"
#include "harness.h"

/* exec.so as dueqd loads it; what it does is in the other exec tests. */

#define FIXTURE DUEQ_BINARY_DIR "/tests/handlers/exec_fixture"

static struct harness harness;
static struct harness_job job;

static int end(void **state)
{
    (void) state;
    harness_job_done(&job);
    harness_close(&harness);
    return 0;
}

static void begin(const char *first_argument, const char *mode)
{
    static const char *command[3];
    static struct config_option options[2];

    command[0] = FIXTURE;
    command[1] = first_argument;
    options[0] = (struct config_option){
        .name = "command", .line = 1, .is_list = true, .items = command, .item_count = 2
    };
    options[1] = (struct config_option){ .name = "mode", .line = 2, .text = mode };
    harness_open_or_fail(&harness, DUEQ_TEST_HANDLERS, "exec", options, 2);
    harness_job_init(&job, "{\"outcome\":\"dead\",\"message\":\"as told\"}");
}

static void a_program_is_run(void **state)
{
    (void) state;
    begin("count", "once");
    assert_int_equal(harness_run(&harness, &job), DUEQ_RETRY);
    assert_string_equal(job.message, "exit status 1: 38 bytes, 0 NULs");
}

static void a_child_is_spoken_to(void **state)
{
    (void) state;
    begin("lines", "lines");
    assert_int_equal(harness_run(&harness, &job), DUEQ_DEAD);
    assert_string_equal(job.message, "as told");
}

static void an_option_that_does_not_exist_is_reported(void **state)
{
    const struct config_option options[] = {
        { .name = "command", .line = 1, .text = "/bin/true" },
        { .name = "childern", .line = 2, .text = "4" },
    };
    (void) state;

    harness_job_init(&job, "");
    harness_open(&harness, DUEQ_TEST_HANDLERS, "exec", options, 2);
    assert_true(harness_reported(&harness, "childern"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(a_program_is_run, end),
        cmocka_unit_test_teardown(a_child_is_spoken_to, end),
        cmocka_unit_test_teardown(an_option_that_does_not_exist_is_reported, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
