#include <stdio.h>
#include <string.h>

#include "fixture.h"

/* dueq status. */

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

static json_t *status_of(const char *queue, json_t *document)
{
    size_t i;
    json_t *found;
    json_array_foreach(member(document, "queues"), i,
                       found) if (strcmp(member_string(found, "queue"), queue) == 0) return found;
    test_fail("no queue %s in\n%s", queue, json_dumps(document, JSON_INDENT(2)));
}

static void expect_hint(json_t *document, const char *part)
{
    size_t i;
    json_t *hint;
    json_array_foreach(member(document, "hints"), i,
                       hint) if (strstr(json_string_value(hint), part)) return;
    test_fail("no hint says \"%s\":\n%s", part,
              json_dumps(member(document, "hints"), JSON_INDENT(2)));
}

static void insert_worker(const char *name, unsigned silent_s, const char *status)
{
    char escaped[2048];
    mysql_real_escape_string(f.admin, escaped, status, strlen(status));
    sql_run(f.admin,
            "INSERT INTO dueq_worker (name, version, started_at, seen_at, status) VALUES ('%s',"
            " '0.1.0', NOW(6) - INTERVAL 1 HOUR, NOW(6) - INTERVAL %u SECOND, '%s')",
            name, silent_s, escaped);
}

static void the_jobs_of_each_queue_are_counted_by_what_they_wait_for(void **state)
{
    (void) state;
    insert_job(&f, "kind='k', payload='', next_run_at=NOW(6) - INTERVAL 1 HOUR");
    insert_job(&f, "kind='k', payload='', priority=0");
    insert_job(&f, "kind='k', payload='', priority=9,"
                   " next_run_at=NOW(6) - INTERVAL 1 SECOND, lease=(1<<40)|1");
    insert_job(&f, "kind='k', payload='', next_run_at=NOW(6) + INTERVAL 10 MINUTE");
    insert_job(&f, "kind='k', payload='', priority=0, next_run_at=NOW(6) + INTERVAL 1 MINUTE,"
                   " lease=(1<<40)|2");
    insert_job(&f, "kind='k', payload='', queue='mail', next_run_at=NOW(6) + INTERVAL 2 HOUR");
    insert_dead(&f, "queue = 'mail'");
    insert_dead(&f, "queue = 'mail'");
    insert_dead(&f, "queue = 'gone'");

    json_t *json = operate_json(&f, EX_OK, "status", NULL);
    json_t *queue = status_of("default", json);
    assert_int_equal(member_integer(queue, "due"), 3);
    assert_true(json_is_false(member(queue, "due_more")));
    assert_int_equal(member_integer(queue, "delayed"), 1);
    assert_int_equal(member_integer(queue, "running"), 1);
    assert_int_equal(member_integer(queue, "dead"), 0);
    double oldest = json_real_value(member(queue, "oldest_due_seconds"));
    assert_true(oldest >= 3600 && oldest < 7200);
    double next = json_real_value(member(queue, "next_due_seconds"));
    assert_true(next > 60 && next <= 600); /* not the end of the lease */
    queue = status_of("mail", json);
    assert_int_equal(member_integer(queue, "due"), 0);
    assert_int_equal(member_integer(queue, "delayed"), 1);
    assert_int_equal(member_integer(queue, "dead"), 2);
    assert_true(json_is_null(member(queue, "oldest_due_seconds")));
    assert_int_equal(member_integer(status_of("gone", json), "dead"), 1);
    json_decref(json);

    const char *out = operate(&f, EX_OK, "status", NULL)->out;
    expect_text(out, "QUEUE    DUE  DELAYED  RUNNING  DEAD  OLDEST DUE");
    expect_text(out, "\ndefault    3        1        1     0       1h00m");
    expect_text(out, "\nno workers\n");
}

static void counting_stops_where_it_would_take_long_unless_told_otherwise(void **state)
{
    (void) state;
    insert_job(&f, "kind='k', payload='', next_run_at=NOW(6) - INTERVAL 1 HOUR");
    for (int doubling = 0; doubling < 17; doubling++) /* 131,072 */
        sql_run(f.admin, "INSERT INTO dueq_job (kind, payload, next_run_at)"
                         " SELECT kind, payload, next_run_at FROM dueq_job");
    sql_run(f.admin, "UPDATE dueq_job SET next_run_at = NOW(6) + INTERVAL 1 HOUR LIMIT 11072");
    json_t *json = operate_json(&f, EX_OK, "status", NULL);
    json_t *queue = status_of("default", json);
    assert_int_equal(member_integer(queue, "due"), 100000);
    assert_true(json_is_true(member(queue, "due_more")));
    assert_int_equal(member_integer(queue, "delayed"), 11072);
    assert_true(json_is_false(member(queue, "delayed_more")));
    json_decref(json);
    expect_text(operate(&f, EX_OK, "status", NULL)->out, "default  100000+    11072  ");
    json = operate_json(&f, EX_OK, "status", "--exact", NULL);
    assert_int_equal(member_integer(status_of("default", json), "due"), 120000);
    assert_true(json_is_false(member(status_of("default", json), "due_more")));
    json_decref(json);
}

static void a_queue_that_no_live_worker_serves_is_pointed_out(void **state)
{
    (void) state;
    insert_job(&f, "kind='k', payload='', queue='mail'");
    insert_job(&f, "kind='k', payload='', queue='left'");
    insert_worker("live:1", 2,
                  "{\"state\":\"running\",\"queues\":{\"mail\":{\"threads\":8,"
                  "\"running\":3,\"waiting\":0,\"pending\":4}}}");
    insert_worker("stale:2", 31, "{\"state\":\"running\",\"queues\":{\"left\":{}}}");
    json_t *json = operate_json(&f, EX_OK, "status", NULL);
    assert_int_equal(member_integer(status_of("mail", json), "workers"), 1);
    assert_int_equal(member_integer(status_of("left", json), "workers"), 0);
    expect_hint(json, "queue left holds jobs, but no live worker");
    expect_hint(json, "(stale:2) has been silent");
    assert_int_equal(json_array_size(member(json, "hints")), 2);
    assert_true(json_is_false(member(json, "workers/0/stale")));
    assert_true(json_is_true(member(json, "workers/1/stale")));
    assert_string_equal(member_string(json, "workers/1/state"), "stale");
    assert_int_equal(member_integer(json, "workers/0/status/queues/mail/running"), 3);
    json_decref(json);
    const char *out = operate(&f, EX_OK, "status", NULL)->out;
    expect_text(out, "live:1   0.1.0    running   1h00m");
    expect_text(out,
                " ago           7        8  -\n"); /* running and pending; threads; no doorbell */
}

static void a_doorbell_that_does_not_work_is_pointed_out(void **state)
{
    (void) state;
    insert_worker("a:1", 2, "{\"state\":\"running\",\"doorbell\":\"works\"}");
    insert_worker("b:2", 2, "{\"state\":\"running\",\"doorbell\":\"silent\"}");
    insert_worker("c:3", 2, "{\"state\":\"running\",\"doorbell\":[\"silent\"]}");
    json_t *json = operate_json(&f, EX_OK, "status", NULL);
    assert_int_equal(json_array_size(member(json, "hints")), 1);
    expect_hint(json, "(b:2) is to follow the binlog, and cannot");
    assert_string_equal(member_string(json, "workers/0/status/doorbell"), "works");
    json_decref(json);
    const char *out = operate(&f, EX_OK, "status", NULL)->out;
    expect_text(out, "  works\n");
    expect_text(out, "  silent\n");
    expect_text(out, "  -\n");
}

static void settings_are_shown_also_of_a_queue_without_jobs(void **state)
{
    (void) state;
    operate(&f, EX_OK, "pause", "mail", NULL);
    operate(&f, EX_OK, "set", "mail", "--rate", "5", NULL);
    expect_text(operate(&f, EX_OK, "status", NULL)->out, "paused, rate 5/s\n");
    json_t *json = operate_json(&f, EX_OK, "status", NULL);
    assert_true(json_is_true(member(status_of("mail", json), "paused")));
    assert_int_equal(member_integer(status_of("mail", json), "rate"), 5);
    json_decref(json);
}

static void kinds_without_a_handler_are_summed_over_the_live_workers(void **state)
{
    (void) state;
    insert_worker("a:1", 0, "{\"unbound\":{\"order.paid\":3,\"mail\":1}}");
    insert_worker("b:2", 0, "{\"unbound\":{\"order.paid\":4}}");
    insert_worker("c:3", 99, "{\"unbound\":{\"order.paid\":100}}");
    json_t *json = operate_json(&f, EX_OK, "status", NULL);
    assert_int_equal(json_integer_value(json_object_get(member(json, "unbound"), "order.paid")), 7);
    expect_hint(json, "kind order.paid has no handler: jobs of it were put off 7 times");
    json_decref(json);
}

static void due_jobs_that_somebody_holds_locked_are_pointed_out(void **state)
{
    (void) state;
    insert_job(&f, "kind='k', payload='', next_run_at=NOW(6) - INTERVAL 3 MINUTE");
    uint64_t second = insert_job(&f,
                                 "kind='k', payload='', next_run_at=NOW(6) - INTERVAL 2 MINUTE");
    insert_job(&f, "kind='k', payload='', next_run_at=NOW(6) - INTERVAL 1 MINUTE");
    json_t *json = operate_json(&f, EX_OK, "status", NULL);
    assert_int_equal(member_integer(status_of("default", json), "due_but_locked"), 0);
    json_decref(json);

    MYSQL *other = test_connect(f.database, NULL);
    sql_run(other,
            "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED; START TRANSACTION;"
            " SELECT id FROM dueq_job WHERE id <= %llu FOR UPDATE",
            (unsigned long long) second);
    json = operate_json(&f, EX_OK, "status", NULL);
    assert_int_equal(member_integer(status_of("default", json), "due_but_locked"), 2);
    expect_hint(json, "2 of the oldest due jobs are locked by another transaction");
    json_decref(json);
    sql_run(other, "ROLLBACK");
    mysql_close(other);
    /* And looking has locked nothing. */
    sql_run(f.admin, "SET innodb_lock_wait_timeout = 1; UPDATE dueq_job SET priority = 6");
}

static void a_status_that_makes_no_sense_is_shown_as_far_as_it_does(void **state)
{
    (void) state;
    static const char *const statuses[] = {
        "[]",
        "\"x\"",
        "{\"state\":7,\"queues\":[],\"unbound\":\"x\",\"counters\":null}",
        "{\"queues\":{\"q\":3,\"r\":{\"threads\":\"many\",\"running\":-5}},\"unbound\":{\"k\":-1}}",
        ("{\"state\":\"\\u001b[31m\",\"queues\":{\"\\u001b[2J\\u0007\":{}},\"unbound\":"
         "{\"\\u009b\\n\":2}}"),
    };
    for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++)
        insert_worker("x:1", 0, statuses[i]);
    sql_run(f.admin, "INSERT INTO dueq_worker (name, version) VALUES (CONCAT(CHAR(27), CHAR(10)),"
                     " CHAR(27))");
    const struct run *run = operate(&f, EX_OK, "status", NULL);
    expect_harmless(run->out);
    expect_text(run->out, "starting");
    expect_text(run->out, "\\x1b[2J");
    json_t *json = operate_json(&f, EX_OK, "status", NULL);
    assert_int_equal(json_array_size(member(json, "workers")), 6);
    json_decref(json);
    expect_harmless(operate(&f, EX_OK, "--json", "status", NULL)->out);
}

static void someone_who_may_only_read_gets_the_status_too(void **state)
{
    (void) state;
    insert_job(&f, "kind='k', payload='', next_run_at=NOW(6) - INTERVAL 1 MINUTE");
    const struct test_account *user = &f.database->operator;
    sql_run(f.admin, "REVOKE INSERT, UPDATE, DELETE ON dueq_job FROM '%s'@'%%'", user->user);
    operate(&f, EX_OK, "status", NULL);
    sql_run(f.admin, "GRANT INSERT, UPDATE, DELETE ON dueq_job TO '%s'@'%%'", user->user);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(the_jobs_of_each_queue_are_counted_by_what_they_wait_for, clear),
        cmocka_unit_test_setup(counting_stops_where_it_would_take_long_unless_told_otherwise,
                               clear),
        cmocka_unit_test_setup(a_queue_that_no_live_worker_serves_is_pointed_out, clear),
        cmocka_unit_test_setup(a_doorbell_that_does_not_work_is_pointed_out, clear),
        cmocka_unit_test_setup(settings_are_shown_also_of_a_queue_without_jobs, clear),
        cmocka_unit_test_setup(kinds_without_a_handler_are_summed_over_the_live_workers, clear),
        cmocka_unit_test_setup(due_jobs_that_somebody_holds_locked_are_pointed_out, clear),
        cmocka_unit_test_setup(a_status_that_makes_no_sense_is_shown_as_far_as_it_does, clear),
        cmocka_unit_test_setup(someone_who_may_only_read_gets_the_status_too, clear),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
