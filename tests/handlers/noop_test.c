#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "harness.h"

static void a_job_is_done_at_once(void **state)
{
    (void) state;
    struct harness harness;
    harness_open_or_fail(&harness, DUEQ_TEST_HANDLERS, "noop", NULL, 0);
    struct harness_job job;
    harness_job_init(&job, "{}");
    assert_int_equal(harness_run(&harness, &job), DUEQ_DONE);
    harness_job_done(&job);
    harness_close(&harness);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_job_is_done_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
