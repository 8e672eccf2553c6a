#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "fixture.h"

/* dueq dead redrive. */

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

static uint64_t count_of(const char *table)
{
    return sql_u64(f.admin, "SELECT COUNT(*) FROM %s", table);
}

static void a_job_comes_back_under_its_id_with_no_attempts_behind_it(void **state)
{
    (void) state;
    insert_dead(&f, "id = 42, queue = 'mail', kind = 'a', payload = 'p', headers = '{\"t\":1}',"
                    " priority = 1, max_attempts = 3, retry = 'fixed', unique_key = 'u',"
                    " ordering_key = 'o', created_at = '2026-01-01 00:00:00'");
    const struct run *run = operate(&f, EX_OK, "dead", "redrive", NULL);
    assert_string_equal(run->out, "1 job given back\n");
    assert_int_equal(count_of("dueq_dead"), 0);
    assert_int_equal(
        sql_u64(f.admin, "SELECT COUNT(*) FROM dueq_job WHERE id = 42 AND queue = 'mail'"
                         " AND kind = 'a' AND payload = 'p' AND JSON_VALUE(headers, '$.t') = 1"
                         " AND priority = 1 AND attempts = 0 AND max_attempts = 3"
                         " AND retry = 'fixed' AND lease IS NULL AND unique_key = 'u'"
                         " AND ordering_key = 'o' AND created_at = '2026-01-01 00:00:00'"
                         " AND state = 'ready' AND next_run_at BETWEEN NOW(6) - INTERVAL 1 MINUTE"
                         " AND NOW(6)"),
        1);
}

static void only_what_the_filters_let_through_comes_back(void **state)
{
    (void) state;
    insert_dead(&f, "kind = 'order.paid', message = 'connection refused'");
    insert_dead(&f, "kind = 'order.sent', message = 'no such order'");
    uint64_t other = insert_dead(&f, "kind = 'mail', message = 'connection refused'");
    json_t *json = operate_json(&f, EX_OK, "dead", "redrive", "--kind", "order.*", "--error",
                                "refused", NULL);
    assert_int_equal(member_integer(json, "redriven"), 1);
    assert_int_equal(member_integer(json, "left"), 0);
    json_decref(json);
    assert_int_equal(sql_u64(f.admin, "SELECT COUNT(*) FROM dueq_job WHERE kind = 'order.paid'"),
                     1);
    operate(&f, EX_OK, "dead", "redrive", text_of("%llu", (unsigned long long) other), NULL);
    assert_int_equal(sql_u64(f.admin, "SELECT COUNT(*) FROM dueq_job WHERE kind = 'mail'"), 1);
    assert_int_equal(count_of("dueq_dead"), 1);
}

static void what_collides_is_left_and_named_and_the_others_come_back(void **state)
{
    (void) state;
    insert_job(&f, "id = 50, kind='k', payload='alive'");
    insert_job(&f, "id = 51, kind='k', payload='alive', unique_key='taken'");
    uint64_t same_id = insert_dead(&f, "id = 50");
    uint64_t same_key = insert_dead(&f, "id = 60, unique_key = 'taken'");
    insert_dead(&f, "id = 61, unique_key = 'free'");
    json_t *json = operate_json(&f, EX_NO, "dead", "redrive", NULL);
    assert_int_equal(member_integer(json, "redriven"), 1);
    assert_int_equal(member_integer(json, "left"), 2);
    assert_int_equal(member_integer(json, "examples/0/dead_id"), same_id);
    assert_string_equal(member_string(json, "examples/0/why"), "a job with id 50 is alive");
    assert_int_equal(member_integer(json, "examples/1/dead_id"), same_key);
    assert_string_equal(member_string(json, "examples/1/why"), "job 51 has its unique_key");
    json_decref(json);
    assert_int_equal(count_of("dueq_dead"), 2);
    assert_int_equal(sql_u64(f.admin, "SELECT COUNT(*) FROM dueq_job WHERE payload = 'alive'"), 2);
    const struct run *run = operate(&f, EX_NO, "dead", "redrive", NULL);
    expect_text(run->out, "2 left:\n");
    expect_text(run->out, text_of("dead letter %llu (job 60): job 51 has its unique_key",
                                  (unsigned long long) same_key));
}

static void of_two_that_collide_with_each_other_one_comes_back(void **state)
{
    (void) state;
    insert_dead(&f, "id = 70, unique_key = 'same', message = 'first'");
    insert_dead(&f, "id = 71, unique_key = 'same', message = 'second'");
    insert_dead(&f, "id = 72");
    insert_dead(&f, "id = 72, message = 'the same job'");
    json_t *json = operate_json(&f, EX_NO, "dead", "redrive", NULL);
    assert_int_equal(member_integer(json, "redriven"), 2);
    assert_int_equal(member_integer(json, "left"), 2);
    json_decref(json);
    assert_int_equal(sql_u64(f.admin, "SELECT COUNT(*) FROM dueq_job WHERE id IN (70, 72)"), 2);
    assert_int_equal(sql_u64(f.admin, "SELECT COUNT(*) FROM dueq_dead WHERE message IN"
                                      " ('second', 'the same job')"),
                     2);
}

static void a_key_that_a_producer_is_about_to_take_holds_up_only_its_own(void **state)
{
    (void) state;
    insert_dead(&f, "id = 80, unique_key = 'wanted'");
    insert_dead(&f, "id = 81");
    MYSQL *producer = test_connect(f.database, &f.database->producer);
    sql_run(producer, "START TRANSACTION;"
                      " INSERT INTO dueq_job (kind, payload, unique_key) VALUES ('k', '', 'wanted')"
                      " ON DUPLICATE KEY UPDATE id = id");
    json_t *json = operate_json(&f, EX_NO, "dead", "redrive", NULL);
    assert_int_equal(member_integer(json, "redriven"), 1);
    assert_int_equal(member_integer(json, "examples/0/id"), 80);
    json_decref(json);
    /* And the producer's transaction is no victim. */
    sql_run(producer, "COMMIT");
    mysql_close(producer);
    assert_int_equal(sql_u64(f.admin, "SELECT COUNT(*) FROM dueq_job"), 2);
}

static void many_come_back_in_batches_up_to_the_limit_oldest_first(void **state)
{
    (void) state;
    insert_dead(&f, "kind = 'k'");
    for (int doubling = 0; doubling < 11; doubling++) /* 2,048 */
        sql_run(f.admin,
                "INSERT INTO dueq_dead (id, queue, kind, payload, priority, state, attempts,"
                " reason, message) SELECT id + %d, queue, kind, payload, priority, state, attempts,"
                " reason, message FROM dueq_dead",
                1 << doubling);
    operate(&f, EX_OK, "dead", "redrive", "--limit", "1200", NULL);
    assert_int_equal(count_of("dueq_job"), 1200);
    assert_int_equal(count_of("dueq_dead"), 848);
    assert_int_equal(sql_u64(f.admin, "SELECT (SELECT MAX(id) FROM dueq_job) <"
                                      " (SELECT MIN(id) FROM dueq_dead)"),
                     1);
    operate(&f, EX_OK, "dead", "redrive", NULL);
    assert_int_equal(count_of("dueq_job"), 2048);
    assert_int_equal(count_of("dueq_dead"), 0);
}

static void two_at_once_give_each_back_once(void **state)
{
    (void) state;
    insert_dead(&f, "kind = 'k'");
    for (int doubling = 0; doubling < 11; doubling++)
        sql_run(f.admin,
                "INSERT INTO dueq_dead (id, queue, kind, payload, priority, state, attempts,"
                " reason, message) SELECT id + %d, queue, kind, payload, priority, state, attempts,"
                " reason, message FROM dueq_dead",
                1 << doubling);
    struct process *one = process_start("dueq", "-c", f.operator_conf, "dead", "redrive", "--json",
                                        NULL);
    struct process *two = process_start("dueq", "-c", f.operator_conf, "dead", "redrive", "--json",
                                        NULL);
    struct process *const both[] = { one, two };
    json_int_t redriven = 0;
    for (int i = 0; i < 2; i++) {
        if (process_wait(both[i], LIMIT_S) != EX_OK)
            test_fail("%s%s", process_stdout(both[i]), process_stderr(both[i]));
        json_t *json = json_loads(process_stdout(both[i]), 0, NULL);
        redriven += member_integer(json, "redriven");
        json_decref(json);
    }
    assert_int_equal(redriven, 2048);
    assert_int_equal(count_of("dueq_job"), 2048);
    assert_int_equal(count_of("dueq_dead"), 0);
}

static void jobs_can_be_spread_over_a_time(void **state)
{
    (void) state;
    insert_dead(&f, "kind = 'k'");
    for (int doubling = 0; doubling < 8; doubling++)
        sql_run(f.admin,
                "INSERT INTO dueq_dead (id, queue, kind, payload, priority, state, attempts,"
                " reason, message) SELECT id + %d, queue, kind, payload, priority, state, attempts,"
                " reason, message FROM dueq_dead",
                1 << doubling);
    operate(&f, EX_OK, "dead", "redrive", "--over", "10h", NULL);
    assert_int_equal(sql_u64(f.admin, "SELECT COUNT(*) FROM dueq_job WHERE next_run_at <"
                                      " NOW(6) + INTERVAL 10 HOUR AND next_run_at >="
                                      " NOW(6) - INTERVAL 1 MINUTE"),
                     256);
    /* Of 256 random times none in one of the halves: never. */
    assert_true(sql_u64(f.admin, "SELECT COUNT(*) FROM dueq_job WHERE next_run_at >"
                                 " NOW(6) + INTERVAL 5 HOUR") > 0);
    assert_true(sql_u64(f.admin, "SELECT COUNT(*) FROM dueq_job WHERE next_run_at <"
                                 " NOW(6) + INTERVAL 5 HOUR") > 0);
}

static void an_invalid_row_comes_back_as_a_valid_one(void **state)
{
    (void) state;
    insert_dead(&f, "id = 90, reason = 'invalid', state = '', next_run_at = NULL,"
                    " created_at = NULL");
    operate(&f, EX_OK, "dead", "redrive", "--reason", "invalid", NULL);
    assert_int_equal(sql_u64(f.admin,
                             "SELECT COUNT(*) FROM dueq_job WHERE id = 90 AND state ="
                             " 'ready' AND next_run_at <= NOW(6) AND created_at <= NOW(6)"),
                     1);
}

/* A job dies, is redriven, and dies again: twice. */
static void a_job_may_die_and_be_redriven_again_and_again(void **state)
{
    (void) state;
    const struct config_file content = {
        .text = "queues = ( { name = \"default\"; poll = \"10ms\"; } );\n"
                "kinds = ( { kind = \"doomed\"; handler = \"noop\";"
                " options = { outcome = \"dead\"; message = \"no use\"; }; } );\n",
    };
    uint64_t id = insert_job(&f, "kind='doomed', payload=''");
    struct process *daemon = process_start("dueqd", "-c", config_file_write(f.database, &content),
                                           NULL);
    uint64_t last = 0;
    for (int life = 0; life < 3; life++) {
        sql_wait_until(f.admin, LIMIT_S,
                       "SELECT COUNT(*) FROM dueq_dead WHERE id = %llu AND dead_id > %llu",
                       (unsigned long long) id, (unsigned long long) last);
        last = sql_u64(f.admin, "SELECT dead_id FROM dueq_dead WHERE attempts = 1 AND reason ="
                                " 'handler'");
        if (life < 2)
            operate(&f, EX_OK, "dead", "redrive", "--job", text_of("%llu", (unsigned long long) id),
                    NULL);
    }
    json_t *json = operate_json(&f, EX_OK, "job", text_of("%llu", (unsigned long long) id), NULL);
    assert_int_equal(json_array_size(member(json, "errors")), 3);
    assert_int_equal(json_array_size(member(json, "dead")), 1);
    json_decref(json);
    process_signal(daemon, SIGTERM);
    assert_int_equal(process_wait(daemon, LIMIT_S), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_job_comes_back_under_its_id_with_no_attempts_behind_it, clear),
        cmocka_unit_test_setup(only_what_the_filters_let_through_comes_back, clear),
        cmocka_unit_test_setup(what_collides_is_left_and_named_and_the_others_come_back, clear),
        cmocka_unit_test_setup(of_two_that_collide_with_each_other_one_comes_back, clear),
        cmocka_unit_test_setup(a_key_that_a_producer_is_about_to_take_holds_up_only_its_own, clear),
        cmocka_unit_test_setup(many_come_back_in_batches_up_to_the_limit_oldest_first, clear),
        cmocka_unit_test_setup(two_at_once_give_each_back_once, clear),
        cmocka_unit_test_setup(jobs_can_be_spread_over_a_time, clear),
        cmocka_unit_test_setup(an_invalid_row_comes_back_as_a_valid_one, clear),
        cmocka_unit_test_setup(a_job_may_die_and_be_redriven_again_and_again, clear),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
