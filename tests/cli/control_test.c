#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "fixture.h"

/* dueq retry and dueq cancel. */

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

static const char *id_of(uint64_t id)
{
    return text_of("%llu", (unsigned long long) id);
}

static void a_waiting_job_becomes_due(void **state)
{
    (void) state;
    uint64_t id = insert_job(&f, "kind='k', payload='', attempts=3,"
                                 " next_run_at=NOW(6) + INTERVAL 1 HOUR");
    expect_text(operate(&f, EX_OK, "retry", id_of(id), NULL)->out, "is due now");
    assert_int_equal(sql_u64(f.admin, "SELECT COUNT(*) FROM dueq_job WHERE attempts = 3"
                                      " AND next_run_at BETWEEN NOW(6) - INTERVAL 1 MINUTE"
                                      " AND NOW(6)"),
                     1);
}

static void a_job_that_is_due_keeps_its_place(void **state)
{
    (void) state;
    uint64_t id = insert_job(&f, "kind='k', payload='', next_run_at='2020-01-01 00:00:00'");
    expect_text(operate(&f, EX_OK, "retry", id_of(id), NULL)->out, "is due already");
    assert_int_equal(sql_u64(f.admin, "SELECT next_run_at = '2020-01-01 00:00:00' FROM dueq_job"),
                     1);
}

static void a_running_job_is_left_alone_and_the_worker_named(void **state)
{
    (void) state;
    uint64_t id = insert_job(&f, "kind='k', payload='', lease=(12<<40)|1, attempts=1,"
                                 " next_run_at=NOW(6) + INTERVAL 50 SECOND");
    const struct run *run = operate(&f, EX_NO, "retry", id_of(id), NULL);
    expect_text(run->out, "running on worker 12");
    assert_int_equal(sql_u64(f.admin, "SELECT next_run_at > NOW(6) + INTERVAL 10 SECOND"
                                      " FROM dueq_job"),
                     1);
    json_t *json = operate_json(&f, EX_NO, "retry", id_of(id), NULL);
    assert_string_equal(member_string(json, "0/result"), "running");
    assert_int_equal(member_integer(json, "0/worker_id"), 12);
    json_decref(json);
}

static void several_are_done_and_the_missing_one_is_no(void **state)
{
    (void) state;
    uint64_t first = insert_job(&f, "kind='k', payload='', next_run_at=NOW(6) + INTERVAL 1 HOUR");
    uint64_t second = insert_job(&f, "kind='k', payload='', next_run_at=NOW(6) + INTERVAL 1 HOUR");
    json_t *json = operate_json(&f, EX_NO, "retry", id_of(first), "999999", id_of(second), NULL);
    assert_string_equal(member_string(json, "0/result"), "done");
    assert_string_equal(member_string(json, "1/result"), "missing");
    assert_string_equal(member_string(json, "2/result"), "done");
    json_decref(json);
    assert_int_equal(sql_u64(f.admin, "SELECT COUNT(*) FROM dueq_job WHERE next_run_at <= NOW(6)"),
                     2);
}

static void a_pending_job_goes_to_the_dead_letters_whole(void **state)
{
    (void) state;
    uint64_t id = insert_job(&f, "kind='k', payload='{\"a\":1}', unique_key='u', priority=3,"
                                 " queue='mail', attempts=2, headers='{}',"
                                 " next_run_at=NOW(6) + INTERVAL 1 HOUR");
    operate(&f, EX_OK, "cancel", id_of(id), "--message", "the customer changed her mind", NULL);
    assert_int_equal(sql_u64(f.admin, "SELECT COUNT(*) FROM dueq_job"), 0);
    assert_int_equal(
        sql_u64(f.admin,
                "SELECT COUNT(*) FROM dueq_dead WHERE id = %llu AND reason = 'cancelled'"
                " AND message = 'the customer changed her mind' AND payload = '{\"a\":1}'"
                " AND unique_key = 'u' AND priority = 3 AND queue = 'mail' AND attempts = 2",
                (unsigned long long) id),
        1);
    expect_text(operate(&f, EX_NO, "cancel", id_of(id), NULL)->out, "there is no job");
}

static void a_running_attempt_is_refused_and_asked_to_stop(void **state)
{
    (void) state;
    const struct config_file content = {
        .text = "queues = ( { name = \"default\"; poll = \"10ms\"; } );\n"
                "kinds = ( { kind = \"sleepy\"; handler = \"noop\"; options = { sleep = \"10m\"; };"
                " } );\n",
    };
    uint64_t id = insert_job(&f, "kind='sleepy', payload=''");
    struct process *daemon = process_start("dueqd", "-c", config_file_write(f.database, &content),
                                           NULL);
    sql_wait_until(f.admin, LIMIT_S, "SELECT COUNT(*) FROM dueq_job WHERE lease IS NOT NULL");
    expect_text(operate(&f, EX_OK, "cancel", id_of(id), NULL)->out, "was running it");
    assert_int_equal(sql_u64(f.admin, "SELECT COUNT(*) FROM dueq_dead WHERE reason = 'cancelled'"),
                     1);
    /* The handler would sleep for ten minutes: it ends because it sees cancelled(). */
    sql_wait_until(f.admin, LIMIT_S,
                   "SELECT JSON_VALUE(status, '$.counters.fenced') = 1 FROM dueq_worker");
    assert_int_equal(sql_u64(f.admin, "SELECT COUNT(*) FROM dueq_job"), 0);
    process_signal(daemon, SIGTERM);
    assert_int_equal(process_wait(daemon, LIMIT_S), 0);
}

static void a_row_that_another_transaction_holds_is_to_be_tried_again(void **state)
{
    (void) state;
    uint64_t id = insert_job(&f, "kind='k', payload='', next_run_at=NOW(6) + INTERVAL 1 HOUR");
    MYSQL *other = test_connect(f.database, NULL);
    sql_run(other, "START TRANSACTION; UPDATE dueq_job SET priority = 1 WHERE id = %llu",
            (unsigned long long) id);
    const struct run *run = operate(&f, EX_TEMPFAIL, "cancel", id_of(id), NULL);
    expect_text(run->err, text_of("job %llu", (unsigned long long) id));
    operate(&f, EX_TEMPFAIL, "retry", id_of(id), NULL);
    sql_run(other, "COMMIT");
    mysql_close(other);
    operate(&f, EX_OK, "cancel", id_of(id), NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_waiting_job_becomes_due, clear),
        cmocka_unit_test_setup(a_job_that_is_due_keeps_its_place, clear),
        cmocka_unit_test_setup(a_running_job_is_left_alone_and_the_worker_named, clear),
        cmocka_unit_test_setup(several_are_done_and_the_missing_one_is_no, clear),
        cmocka_unit_test_setup(a_pending_job_goes_to_the_dead_letters_whole, clear),
        cmocka_unit_test_setup(a_running_attempt_is_refused_and_asked_to_stop, clear),
        cmocka_unit_test_setup(a_row_that_another_transaction_holds_is_to_be_tried_again, clear),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
