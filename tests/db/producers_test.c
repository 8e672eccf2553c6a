#include "fixture.h"

#include <string.h>

#include "manual.h"
#include "probe.h"

/* The recipes for producers, in plain SQL, as a user who has a producer's privileges and the
 * defaults that sessions of applications have. */

enum { ER_TABLEACCESS_DENIED = 1142 };

static struct fixture f;
static MYSQL *producer;

static int set_up(void **state)
{
    (void) state;
    fixture_set_up(&f);
    producer = test_connect(f.database, &f.database->producer);
    return 0;
}

static int tear_down(void **state)
{
    (void) state;
    mysql_close(producer);
    fixture_tear_down(&f);
    return 0;
}

static int clear(void **state)
{
    (void) state;
    mysql_close(producer);
    fixture_clear(&f);
    producer = test_connect(f.database, &f.database->producer);
    return 0;
}

static uint64_t jobs(const char *condition)
{
    return sql_u64(f.admin, "SELECT COUNT(*) FROM dueq_job WHERE %s", condition);
}

static enum settle_result settle(const struct claim *claim, enum outcome_kind kind)
{
    return fixture_settle_one(&f, fixture_outcome(&claim->items[0].job, kind));
}

static void a_plain_insert_is_due_at_once(void **state)
{
    (void) state;
    sql_run(producer,
            "INSERT INTO dueq_job (kind, payload) VALUES ('order.paid', '{\"order\":42}')");
    struct claim claim = fixture_lease(&f, 1, 7);
    assert_string_equal(claim.items[0].job.kind, "order.paid");
    assert_string_equal(claim.items[0].job.payload, "{\"order\":42}");
}

static void a_delay_is_the_same_instant_in_every_time_zone(void **state)
{
    (void) state;
    static const char *const zones[] = { "+00:00", "+08:00", "-11:00", "+05:30" };
    for (size_t i = 0; i < sizeof zones / sizeof *zones; i++)
        sql_run(producer,
                "SET time_zone = '%s'; INSERT INTO dueq_job (kind, payload, next_run_at) VALUES"
                " ('k', '', NOW(6) + INTERVAL 30 MINUTE),"
                " ('k', '', FROM_UNIXTIME(UNIX_TIMESTAMP() + 1790))",
                zones[i]);
    assert_int_equal(jobs("UNIX_TIMESTAMP(next_run_at) - UNIX_TIMESTAMP()"
                          " BETWEEN 29 * 60 AND 31 * 60"),
                     8);
    assert_int_equal(fixture_begin(&f, 10).count, 0);
}

static void a_job_is_there_when_its_transaction_commits_and_not_before(void **state)
{
    (void) state;
    sql_run(producer, "BEGIN; INSERT INTO dueq_job (kind, payload) VALUES ('k', '')");
    assert_int_equal(fixture_begin(&f, 10).count, 0);
    sql_run(producer, "COMMIT");
    fixture_lease(&f, 1, 7);
    sql_run(producer, "BEGIN; INSERT INTO dueq_job (kind, payload) VALUES ('k', ''); ROLLBACK");
    assert_int_equal(fixture_begin(&f, 10).count, 0);
    assert_int_equal(jobs("1"), 1);
}

#define INSERT_KEYED(payload)                                                                      \
    "INSERT INTO dueq_job (kind, payload, unique_key) VALUES ('k', '" payload "', 'key') "
#define ABSORB "ON DUPLICATE KEY UPDATE id = id"
#define REPLACE                                                                                    \
    "ON DUPLICATE KEY UPDATE payload = VALUES(payload), next_run_at = VALUES(next_run_at),"        \
    " attempts = 0, lease = NULL"

static void a_duplicate_is_absorbed_by_what_is_there(void **state)
{
    (void) state;
    sql_run(producer, INSERT_KEYED("first") ABSORB);
    char *before = sql_text(f.admin, "SELECT CONCAT_WS('|', id, payload, next_run_at, created_at)"
                                     " FROM dueq_job");
    sql_run(producer, INSERT_KEYED("second") ABSORB);
    char *after = sql_text(f.admin, "SELECT CONCAT_WS('|', id, payload, next_run_at, created_at)"
                                    " FROM dueq_job");
    assert_string_equal(before, after);
    free(before);
    free(after);

    sql_run(producer, INSERT_KEYED("third") "ON DUPLICATE KEY UPDATE id = LAST_INSERT_ID(id)");
    assert_int_equal(sql_u64(producer, "SELECT LAST_INSERT_ID()"),
                     sql_u64(f.admin, "SELECT id FROM dueq_job"));
}

static void case_counts_in_a_key_and_spaces_at_its_end_do_not(void **state)
{
    (void) state;
    static const char *const keys[] = { "'a'", "'A'", "'a '", "''", "NULL", "NULL", "''" };
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        sql_run(producer,
                "INSERT INTO dueq_job (kind, payload, unique_key) VALUES ('k', '', %s) " ABSORB,
                keys[i]);
    assert_int_equal(jobs("1"), 5); /* a, A, the empty one, and two without */
    /* And the space does not keep the job from being settled. */
    sql_run(producer, "DELETE FROM dueq_job; INSERT INTO dueq_job (kind, payload, unique_key)"
                      " VALUES ('k', '', 'b ')");
    struct claim claim = fixture_lease(&f, 1, 7);
    assert_int_equal(settle(&claim, OUTCOME_DONE), SETTLE_DONE);
}

/* Where one statement has a key twice MySQL refuses id = id (error 1869), after the first of them.
 */
static void a_key_may_stand_twice_in_a_statement_that_says_kind_is_kind(void **state)
{
    (void) state;
    sql_run(producer, "INSERT INTO dueq_job (kind, payload, unique_key) VALUES ('k', '', 'a'),"
                      " ('k', '', 'b'), ('k', 'again', 'a') ON DUPLICATE KEY UPDATE kind = kind");
    assert_int_equal(jobs("payload = ''"), 2);
    assert_int_equal(jobs("1"), 2);
}

static void a_duplicate_of_a_running_job_is_absorbed_and_not_run_again(void **state)
{
    (void) state;
    sql_run(producer, INSERT_KEYED("first") ABSORB);
    struct claim claim = fixture_lease(&f, 1, 7);
    sql_run(producer, INSERT_KEYED("second") ABSORB);
    assert_int_equal(settle(&claim, OUTCOME_DONE), SETTLE_DONE);
    assert_int_equal(jobs("1"), 0);
    sql_run(producer, INSERT_KEYED("third") ABSORB); /* its key is free again */
    assert_int_equal(jobs("payload = 'third'"), 1);
}

static void replacing_a_job_that_waits_gives_it_payload_time_and_attempts(void **state)
{
    (void) state;
    sql_run(producer, INSERT_KEYED("first") ABSORB);
    struct claim claim = fixture_lease(&f, 1, 7);
    assert_int_equal(settle(&claim, OUTCOME_RETRY), SETTLE_DONE);
    assert_int_equal(fixture_begin(&f, 10).count, 0);
    sql_run(producer, INSERT_KEYED("second") REPLACE);
    claim = fixture_lease(&f, 1, 8);
    assert_string_equal(claim.items[0].job.payload, "second");
    assert_int_equal(claim.items[0].job.attempts, 1);
}

static void replacing_a_running_job_has_it_run_again_with_the_new_payload(void **state)
{
    (void) state;
    sql_run(producer, INSERT_KEYED("first") ABSORB);
    struct claim old = fixture_lease(&f, 1, 7);
    sql_run(producer, INSERT_KEYED("second") REPLACE);
    struct claim new = fixture_lease(&f, 1, 8);
    assert_int_equal(new.items[0].job.expired_lease, 0); /* nothing went wrong */
    assert_string_equal(new.items[0].job.payload, "second");
    assert_int_equal(settle(&old, OUTCOME_DONE), SETTLE_FENCED);
    assert_int_equal(jobs("payload = 'second' AND lease = 8"), 1);
    assert_int_equal(settle(&new, OUTCOME_DONE), SETTLE_DONE);
    assert_int_equal(jobs("1"), 0);
    assert_int_equal(sql_u64(f.admin, "SELECT COUNT(*) FROM dueq_error"), 0);
}

/* Why the recipe says lease = NULL. */
static void a_payload_replaced_under_a_lease_goes_with_the_old_one(void **state)
{
    (void) state;
    sql_run(producer, INSERT_KEYED("first") ABSORB);
    struct claim claim = fixture_lease(&f, 1, 7);
    sql_run(producer, INSERT_KEYED("second") "ON DUPLICATE KEY UPDATE payload = VALUES(payload)");
    assert_int_equal(settle(&claim, OUTCOME_DONE), SETTLE_DONE);
    assert_int_equal(jobs("1"), 0);
}

static void moving_the_time_moves_only_a_job_that_waits(void **state)
{
    (void) state;
    static const char later[] = "INSERT INTO dueq_job (kind, payload, unique_key, next_run_at)"
                                " VALUES ('k', '', 'key', NOW(6) + INTERVAL 10 SECOND)"
                                " ON DUPLICATE KEY UPDATE next_run_at = IF(lease IS NULL, "
                                "VALUES(next_run_at), next_run_at)";
    sql_run(producer, "%s", later);
    sql_run(f.admin, "UPDATE dueq_job SET next_run_at = NOW(6)");
    sql_run(producer, "%s", later);
    assert_int_equal(jobs("next_run_at > NOW(6)"), 1);
    sql_run(f.admin, "UPDATE dueq_job SET next_run_at = NOW(6)");
    struct claim claim = fixture_lease(&f, 1, 7);
    sql_run(producer, "%s", later);
    assert_int_equal(jobs("lease = 7 AND next_run_at > NOW(6) + INTERVAL 30 SECOND"), 1);
    assert_int_equal(settle(&claim, OUTCOME_DONE), SETTLE_DONE);
}

static void
a_job_that_waits_can_be_cancelled_and_moved_and_a_running_one_is_left_alone(void **state)
{
    (void) state;
    sql_run(producer, "INSERT INTO dueq_job (id, kind, payload, unique_key) VALUES"
                      " (1, 'k', '', 'running'), (2, 'k', '', 'waiting')");
    fixture_lease(&f, 1, 7);
    for (int id = 1; id <= 2; id++) {
        const uint64_t changed = id == 2;
        assert_int_equal(sql_run(producer,
                                 "UPDATE dueq_job SET next_run_at = NOW(6) + INTERVAL 1 HOUR"
                                 " WHERE id = %d AND lease IS NULL",
                                 id),
                         changed);
        assert_int_equal(sql_run(producer,
                                 "UPDATE dueq_job SET next_run_at = NOW(6)"
                                 " WHERE id = %d AND lease IS NULL",
                                 id),
                         changed);
    }
    assert_int_equal(sql_run(producer, "DELETE FROM dueq_job WHERE unique_key = 'running'"
                                       " AND lease IS NULL"),
                     0);
    assert_int_equal(sql_run(producer, "DELETE FROM dueq_job WHERE unique_key = 'waiting'"
                                       " AND lease IS NULL"),
                     1);
    assert_int_equal(jobs("id = 1 AND lease = 7 AND next_run_at < NOW(6) + INTERVAL 2 MINUTE"), 1);
    assert_int_equal(jobs("1"), 1);
}

static void a_plain_insert_of_what_makes_no_sense_is_refused(void **state)
{
    (void) state;
    static const char *const inserts[] = {
        "(kind) VALUES ('k')",
        "(payload) VALUES ('')",
        "(kind, payload) VALUES ('', '')",
        "(kind, payload) VALUES (REPEAT('k', 65), '')",
        "(kind, payload) VALUES ('k\xc3\xa9', '')",
        "(kind, payload, queue) VALUES ('k', '', REPEAT('q', 65))",
        "(kind, payload, priority) VALUES ('k', '', 10)",
        "(kind, payload, priority) VALUES ('k', '', -1)",
        "(kind, payload, state) VALUES ('k', '', 'done')",
        "(kind, payload, headers) VALUES ('k', '', 'no json')",
        "(kind, payload, next_run_at) VALUES ('k', '', '2024-02-30 00:00')",
        "(kind, payload, next_run_at) VALUES ('k', '', 'tomorrow')",
        "(kind, payload, next_run_at) VALUES ('k', '', '2150-01-01')",
        "(kind, payload, unique_key) VALUES ('k', '', REPEAT('u', 191))",
        "(kind, payload, state) VALUES ('k', '', 'prepared')",
    };
    for (size_t i = 0; i < sizeof inserts / sizeof *inserts; i++)
        if (sql_try(producer, "INSERT INTO dueq_job %s", inserts[i]) == 0)
            test_fail("this was accepted: %s", inserts[i]);
    assert_int_equal(jobs("1"), 0);
}

static void a_prepared_job_says_when_it_is_to_be_asked_about(void **state)
{
    (void) state;
    sql_run(producer, "INSERT INTO dueq_job (kind, payload, state, next_run_at)"
                      " VALUES ('k', '', 'prepared', NOW(6) + INTERVAL 1 MINUTE)");
    sql_run(f.admin, "UPDATE dueq_job SET created_at = created_at - INTERVAL 1 HOUR,"
                     " next_run_at = NOW(6)");
    assert_int_equal(fixture_begin(&f, 1).items[0].job.state, JOB_PREPARED);
}

/* What makes INSERT IGNORE no recipe: see also the rows that no rule fits. */
static void insert_ignore_drops_and_cuts_without_an_error(void **state)
{
    (void) state;
    sql_try(producer, "INSERT IGNORE INTO dueq_job (kind, payload, priority) VALUES ('k', '', 12)");
    assert_int_equal(jobs("1"), 0);
    sql_run(producer, "INSERT IGNORE INTO dueq_job (kind, payload) VALUES (REPEAT('k', 70), '')");
    assert_int_equal(jobs("LENGTH(kind) = 64"), 1);
}

/* Probes say that it is due, and claims come back with nothing: dueq status shows it. */
static void a_scan_in_an_open_transaction_locks_claims_out_until_it_ends(void **state)
{
    (void) state;
    sql_run(producer,
            "INSERT INTO dueq_job (kind, payload) VALUES ('a', ''), ('b', ''), ('c', '')");
    sql_run(producer, "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ;"
                      "BEGIN; UPDATE dueq_job SET priority = 4 WHERE kind = 'b'");
    assert_int_equal(fixture_begin(&f, 10).count, 0);
    assert_true(fixture_probe(&f, "default").due[5]);
    sql_run(producer, "ROLLBACK; SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED;"
                      "BEGIN; UPDATE dueq_job SET priority = 4 WHERE kind = 'b'");
    fixture_lease(&f, 2, 7);
    sql_run(producer, "ROLLBACK");
    fixture_lease(&f, 1, 8);
}

static void inserting_needs_no_other_privilege(void **state)
{
    (void) state;
    const char *name = f.database->name, *user = f.database->producer.user;
    sql_run(f.admin, "REVOKE SELECT, UPDATE, DELETE ON `%s`.dueq_job FROM '%s'@'%%'", name, user);
    unsigned plain = sql_try(producer, INSERT_KEYED("first"));
    unsigned absorbed = sql_try(producer, INSERT_KEYED("second") ABSORB);
    sql_run(f.admin, "GRANT SELECT, UPDATE, DELETE ON `%s`.dueq_job TO '%s'@'%%'", name, user);
    assert_int_equal(plain, 0);
    assert_int_not_equal(absorbed, 0);
}

static void every_statement_of_the_manual_is_accepted(void **state)
{
    (void) state;
    sql_run(f.admin,
            "CREATE TABLE orders (id INT PRIMARY KEY); INSERT INTO orders VALUES (1), (2);"
            "GRANT SELECT ON orders TO '%s'@'%%'",
            f.database->producer.user);
    size_t count = manual_run("producers.md", producer);
    sql_run(f.admin, "DROP TABLE orders");
    assert_true(count >= 8);
    assert_int_equal(jobs("kind = 'order.remind'"), 2);
}

int main(void)
{
#define EACH(test) cmocka_unit_test_setup(test, clear)
    const struct CMUnitTest tests[] = {
        EACH(a_plain_insert_is_due_at_once),
        EACH(a_delay_is_the_same_instant_in_every_time_zone),
        EACH(a_job_is_there_when_its_transaction_commits_and_not_before),
        EACH(a_duplicate_is_absorbed_by_what_is_there),
        EACH(case_counts_in_a_key_and_spaces_at_its_end_do_not),
        EACH(a_key_may_stand_twice_in_a_statement_that_says_kind_is_kind),
        EACH(a_duplicate_of_a_running_job_is_absorbed_and_not_run_again),
        EACH(replacing_a_job_that_waits_gives_it_payload_time_and_attempts),
        EACH(replacing_a_running_job_has_it_run_again_with_the_new_payload),
        EACH(a_payload_replaced_under_a_lease_goes_with_the_old_one),
        EACH(moving_the_time_moves_only_a_job_that_waits),
        EACH(a_job_that_waits_can_be_cancelled_and_moved_and_a_running_one_is_left_alone),
        EACH(a_plain_insert_of_what_makes_no_sense_is_refused),
        EACH(a_prepared_job_says_when_it_is_to_be_asked_about),
        EACH(insert_ignore_drops_and_cuts_without_an_error),
        EACH(a_scan_in_an_open_transaction_locks_claims_out_until_it_ends),
        EACH(inserting_needs_no_other_privilege),
        EACH(every_statement_of_the_manual_is_accepted),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
