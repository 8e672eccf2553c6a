#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "fixture.h"

/* dueq pause, resume and set. */

static struct fixture f;

static int set_up(void **state)
{
    (void) state;
    fixture_set_up(&f);
    return 0;
}

static int tear_down(void **state)
{
    (void) state;
    fixture_tear_down(&f);
    return 0;
}

static int clear(void **state)
{
    (void) state;
    fixture_clear(&f);
    return 0;
}

static void a_pause_and_its_end_keep_the_other_settings(void **state)
{
    (void) state;
    operate(&f, EX_OK, "set", "mail", "--concurrency", "4", "--rate", "100", NULL);
    const struct run *run = operate(&f, EX_OK, "pause", "mail", NULL);
    assert_string_equal(run->out, "queue mail: paused, concurrency 4, rate 100 a second\n");
    assert_int_equal(sql_u64(f.admin, "SELECT paused = 1 AND concurrency = 4 AND rate = 100"
                                      " FROM dueq_queue WHERE queue = 'mail'"),
                     1);
    operate(&f, EX_OK, "pause", "mail", NULL);
    json_t *json = operate_json(&f, EX_OK, "resume", "mail", NULL);
    assert_string_equal(member_string(json, "queue"), "mail");
    assert_true(json_is_false(member(json, "paused")));
    assert_int_equal(member_integer(json, "concurrency"), 4);
    assert_int_equal(member_integer(json, "rate"), 100);
    json_decref(json);
}

static void a_limit_is_taken_back_with_none(void **state)
{
    (void) state;
    operate(&f, EX_OK, "set", "mail", "--concurrency", "4", "--rate", "100", NULL);
    operate(&f, EX_OK, "set", "mail", "--concurrency", "none", NULL);
    assert_int_equal(sql_u64(f.admin, "SELECT concurrency IS NULL AND rate = 100 FROM dueq_queue"),
                     1);
    json_t *json = operate_json(&f, EX_OK, "set", "mail", "--rate", "none", NULL);
    assert_true(json_is_null(member(json, "rate")));
    json_decref(json);
}

static void the_end_of_a_pause_that_never_was_does_no_harm(void **state)
{
    (void) state;
    const struct run *run = operate(&f, EX_OK, "resume", "mail", NULL);
    assert_string_equal(run->out, "queue mail: not paused\n");
}

static void a_limit_of_0_that_outlasts_the_end_of_a_pause_is_remarked_on(void **state)
{
    (void) state;
    insert_job(&f, "kind='k', payload='', queue='mail'");
    sql_run(f.admin, "INSERT INTO dueq_queue (queue, rate) VALUES ('mail', 0)");
    const struct run *run = operate(&f, EX_OK, "resume", "mail", NULL);
    expect_text(run->err, "a concurrency or a rate of 0");
    run = operate(&f, EX_OK, "set", "mail", "--rate", "none", NULL);
    assert_string_equal(run->out, "queue mail: not paused\n");
    assert_string_equal(operate(&f, EX_OK, "resume", "mail", NULL)->err, "");
}

static void a_queue_that_nobody_knows_is_remarked_on_and_set_all_the_same(void **state)
{
    (void) state;
    insert_job(&f, "kind='k', payload='', queue='mail'");
    expect_text(operate(&f, EX_OK, "pause", "maill", NULL)->err, "no job in a queue \"maill\"");
    assert_string_equal(operate(&f, EX_OK, "pause", "mail", NULL)->err, "");
    sql_run(f.admin, "INSERT INTO dueq_worker (name, version, status) VALUES ('h:1', '1',"
                     " '{\"queues\": {\"served\": {}}}')");
    assert_string_equal(operate(&f, EX_OK, "pause", "served", NULL)->err, "");
}

static void a_daemon_obeys_a_pause_and_its_end(void **state)
{
    (void) state;
    const struct config_file content = {
        .text = "queues = ( { name = \"default\"; poll = \"10ms\"; } );\n",
    };
    operate(&f, EX_OK, "pause", "default", NULL);
    insert_job(&f, "kind='noop', payload=''");
    struct process *daemon = process_start("dueqd", "-c", config_file_write(f.database, &content),
                                           NULL);
    process_expect_line(daemon, ">ready", LIMIT_S);
    sql_wait_until(f.admin, LIMIT_S, "SELECT COUNT(*) FROM dueq_worker WHERE status IS NOT NULL");
    assert_int_equal(sql_u64(f.admin, "SELECT COUNT(*) FROM dueq_job WHERE attempts = 0"), 1);
    operate(&f, EX_OK, "resume", "default", NULL);
    sql_wait_until(f.admin, LIMIT_S, "SELECT COUNT(*) = 0 FROM dueq_job");
    process_signal(daemon, SIGTERM);
    assert_int_equal(process_wait(daemon, LIMIT_S), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_pause_and_its_end_keep_the_other_settings, clear),
        cmocka_unit_test_setup(a_limit_is_taken_back_with_none, clear),
        cmocka_unit_test_setup(the_end_of_a_pause_that_never_was_does_no_harm, clear),
        cmocka_unit_test_setup(a_limit_of_0_that_outlasts_the_end_of_a_pause_is_remarked_on, clear),
        cmocka_unit_test_setup(a_queue_that_nobody_knows_is_remarked_on_and_set_all_the_same,
                               clear),
        cmocka_unit_test_setup(a_daemon_obeys_a_pause_and_its_end, clear),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
