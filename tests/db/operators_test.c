#include "fixture.h"

#include <string.h>

#include "manual.h"
#include "queue_control.h"

/* The recipes for operators, in plain SQL, as a user who has an operator's privileges. */

static struct fixture f;
static MYSQL *operator;

static int set_up(void **state)
{
    (void) state;
    fixture_set_up(&f);
    operator= test_connect(f.database, &f.database->operator);
    return 0;
}

static int tear_down(void **state)
{
    (void) state;
    mysql_close(operator);
    fixture_tear_down(&f);
    return 0;
}

static int clear(void **state)
{
    (void) state;
    mysql_close(operator);
    fixture_clear(&f);
    operator= test_connect(f.database, &f.database->operator);
    return 0;
}

/* What daemons read of the one queue that is set. */
static struct queue_control control(void)
{
    struct queue_control *controls;
    size_t count;
    struct error error = { "" };
    expect_status(queue_control_read(f.db, &controls, &count, &error), DB_OK, error);
    assert_int_equal(count, 1);
    struct queue_control first = controls[0];
    free(controls);
    return first;
}

static void a_queue_is_paused_and_resumed(void **state)
{
    (void) state;
    for (int i = 0; i < 2; i++) {
        sql_run(operator, "INSERT INTO dueq_queue (queue, paused) VALUES ('default', 1)"
                          " ON DUPLICATE KEY UPDATE paused = 1");
        assert_true(control().paused);
        assert_string_equal(control().queue, "default");
        sql_run(operator, "UPDATE dueq_queue SET paused = 0 WHERE queue = 'default'");
        assert_false(control().paused);
        sql_run(operator, "UPDATE dueq_queue SET paused = 1");
        assert_true(control().paused);
    }
}

static void a_queue_is_limited_and_let_go(void **state)
{
    (void) state;
    sql_run(operator, "INSERT INTO dueq_queue (queue, concurrency, rate) VALUES ('default', 4, 50)"
                      " ON DUPLICATE KEY UPDATE concurrency = VALUES(concurrency),"
                      " rate = VALUES(rate)");
    assert_int_equal(control().concurrency, 4);
    assert_int_equal(control().rate, 50);
    sql_run(operator, "UPDATE dueq_queue SET concurrency = NULL, rate = NULL"
                      " WHERE queue = 'default'");
    assert_int_equal(control().concurrency, 0);
    assert_int_equal(control().rate, 0);
}

static void a_job_is_made_due_now_unless_it_runs(void **state)
{
    (void) state;
    sql_run(f.admin, "INSERT INTO dueq_job (id, kind, payload, next_run_at) VALUES"
                     " (1, 'k', '', NOW(6)), (2, 'k', '', NOW(6) + INTERVAL 1 HOUR)");
    fixture_lease(&f, 1, 7);
    assert_int_equal(sql_run(operator, "UPDATE dueq_job SET next_run_at = NOW(6)"
                                       " WHERE id = 1 AND lease IS NULL"),
                     0);
    assert_int_equal(fixture_begin(&f, 10).count, 0);
    assert_int_equal(sql_run(operator, "UPDATE dueq_job SET next_run_at = NOW(6)"
                                       " WHERE id = 2 AND lease IS NULL"),
                     1);
    assert_int_equal(fixture_lease(&f, 1, 8).items[0].job.id, 2);
}

static void a_job_is_cancelled_whether_it_waits_or_runs(void **state)
{
    (void) state;
    fixture_insert(&f, 2);
    struct claim claim = fixture_lease(&f, 1, 7);
    assert_int_equal(sql_run(operator, "DELETE FROM dueq_job WHERE id = %llu AND lease IS NULL",
                             (unsigned long long) claim.items[0].job.id),
                     0);
    assert_int_equal(sql_run(operator, "DELETE FROM dueq_job WHERE lease IS NULL"), 1);
    assert_int_equal(sql_run(operator, "DELETE FROM dueq_job WHERE id = %llu",
                             (unsigned long long) claim.items[0].job.id),
                     1);
    assert_int_equal(fixture_settle_one(&f, fixture_outcome(&claim.items[0].job, OUTCOME_RETRY)),
                     SETTLE_FENCED);
    assert_int_equal(sql_u64(f.admin, "SELECT COUNT(*) FROM dueq_job"), 0);
}

/* Jobs of the kind 'k' that are dead, by the way that they die. */
static void bury(uint32_t count)
{
    struct claim claim = fixture_lease(&f, count, 7);
    for (size_t i = 0; i < claim.count; i++)
        assert_int_equal(fixture_settle_one(&f, fixture_outcome(&claim.items[i].job, OUTCOME_DEAD)),
                         SETTLE_DONE);
}

/* As docs/operations.md has it. */
static void redrive(unsigned from, unsigned to)
{
    sql_run(
        operator,
        "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED; START TRANSACTION;"
        "INSERT INTO dueq_job (id, queue, kind, payload, headers, priority, max_attempts, retry,"
        " unique_key, ordering_key, created_at)"
        " SELECT d.id, d.queue, d.kind, d.payload, d.headers, d.priority, d.max_attempts,"
        " d.retry, d.unique_key, d.ordering_key, COALESCE(d.created_at, NOW(6))"
        " FROM dueq_dead d WHERE d.dead_id BETWEEN %u AND %u AND d.kind = 'k'"
        " AND NOT EXISTS (SELECT 1 FROM dueq_job j WHERE j.unique_key = d.unique_key);"
        "DELETE d FROM dueq_dead d JOIN dueq_job j ON j.id = d.id"
        " WHERE d.dead_id BETWEEN %u AND %u AND d.kind = 'k'; COMMIT",
        from, to, from, to);
}

static void dead_jobs_are_redriven_in_chunks_and_can_die_again(void **state)
{
    (void) state;
    sql_run(f.admin, "INSERT INTO dueq_job (id, kind, payload, headers, max_attempts, retry,"
                     " unique_key, ordering_key, created_at) VALUES"
                     " (11, 'k', 'one', '{\"a\": 1}', 3, 'fixed', 'u', 'o', '2024-01-01'),"
                     " (12, 'k', 'two', NULL, NULL, NULL, NULL, NULL, NOW(6)),"
                     " (13, 'other', '', NULL, NULL, NULL, NULL, NULL, NOW(6)),"
                     " (14, 'k', 'four', NULL, NULL, NULL, NULL, NULL, NOW(6))");
    bury(4);
    const unsigned first = (unsigned) sql_u64(f.admin, "SELECT MIN(dead_id) FROM dueq_dead");
    redrive(first, first + 2);
    assert_int_equal(sql_u64(f.admin, "SELECT COUNT(*) FROM dueq_dead WHERE id IN (13, 14)"), 2);
    assert_int_equal(sql_u64(f.admin, "SELECT COUNT(*) FROM dueq_dead"), 2);
    assert_int_equal(sql_u64(f.admin, "SELECT COUNT(*) FROM dueq_job WHERE id = 11 AND attempts = 0"
                                      " AND payload = 'one' AND max_attempts = 3 AND lease IS NULL"
                                      " AND retry = 'fixed' AND unique_key = 'u' AND"
                                      " ordering_key = 'o' AND state = 'ready'"
                                      " AND JSON_EXTRACT(headers, '$.a') = 1"),
                     1);
    redrive(first + 3, first + 3);
    bury(3);
    assert_int_equal(sql_u64(f.admin, "SELECT COUNT(*) FROM dueq_dead"), 4);
    assert_int_equal(sql_u64(f.admin, "SELECT COUNT(*) FROM dueq_error WHERE job_id = 11"), 2);
}

static void a_redrive_leaves_what_a_living_job_has_the_key_of(void **state)
{
    (void) state;
    sql_run(f.admin, "INSERT INTO dueq_job (id, kind, payload, unique_key)"
                     " VALUES (11, 'k', 'old', 'u'), (12, 'k', '', 'v')");
    bury(2);
    sql_run(f.admin, "INSERT INTO dueq_job (id, kind, payload, unique_key)"
                     " VALUES (21, 'k', 'new', 'u')");
    redrive(0, UINT32_MAX);
    assert_int_equal(sql_u64(f.admin, "SELECT id FROM dueq_dead"), 11);
    assert_int_equal(sql_u64(f.admin, "SELECT COUNT(*) FROM dueq_job WHERE id IN (12, 21)"), 2);
}

static void dead_letters_are_thrown_away_when_they_are_old(void **state)
{
    (void) state;
    fixture_insert(&f, 3);
    bury(3);
    sql_run(f.admin, "UPDATE dueq_dead SET died_at = NOW(6) - INTERVAL 91 DAY"
                     " ORDER BY dead_id LIMIT 2");
    assert_int_equal(sql_run(operator, "DELETE FROM dueq_dead WHERE died_at < NOW(6) -"
                                       " INTERVAL 90 DAY ORDER BY dead_id LIMIT 1000"),
                     2);
    assert_int_equal(sql_u64(f.admin, "SELECT COUNT(*) FROM dueq_dead"), 1);
}

static void every_statement_of_the_manual_is_accepted(void **state)
{
    (void) state;
    fixture_insert(&f, 3);
    bury(2);
    assert_true(manual_run("operations.md", operator) >= 3);
}

int main(void)
{
#define EACH(test) cmocka_unit_test_setup(test, clear)
    const struct CMUnitTest tests[] = {
        EACH(a_queue_is_paused_and_resumed),
        EACH(a_queue_is_limited_and_let_go),
        EACH(a_job_is_made_due_now_unless_it_runs),
        EACH(a_job_is_cancelled_whether_it_waits_or_runs),
        EACH(dead_jobs_are_redriven_in_chunks_and_can_die_again),
        EACH(a_redrive_leaves_what_a_living_job_has_the_key_of),
        EACH(dead_letters_are_thrown_away_when_they_are_old),
        EACH(every_statement_of_the_manual_is_accepted),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
