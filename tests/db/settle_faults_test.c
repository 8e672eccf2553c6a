#include "fixture.h"

#include <string.h>

#include "thread.h"

/* Outcomes that the database refuses, and connections that go in the middle of a settle: the rest
 * of the batch goes through, and nothing is lost or done twice. */

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

enum { BATCH = 10 };

/* Leases BATCH jobs, with the ids from 1. */
static void lease_batch(struct outcome *outcomes, enum outcome_kind kind)
{
    for (int i = 1; i <= BATCH; i++)
        sql_run(f.admin, "INSERT INTO dueq_job (id, kind, payload) VALUES (%d, 'k', '')", i);
    struct claim claim = fixture_lease(&f, BATCH, 7);
    for (int i = 0; i < BATCH; i++)
        outcomes[i] = fixture_outcome(&claim.items[i].job, kind);
}

static void expect_results(const struct outcome *outcomes, enum settle_result third,
                           enum settle_result others)
{
    for (int i = 0; i < BATCH; i++)
        assert_int_equal(outcomes[i].result, i == 2 ? third : others);
}

static void a_message_that_does_not_fit_is_replaced_and_the_others_are_kept(void **state)
{
    (void) state;
    static const enum outcome_kind kinds[] = { OUTCOME_RETRY, OUTCOME_DEAD };
    static char message[65536]; /* one byte more than the column has */
    memset(message, 'x', sizeof message);

    for (int i = 0; i < 2; i++) {
        struct outcome outcomes[BATCH];
        struct error error = { "" };
        fixture_clear(&f);
        lease_batch(outcomes, kinds[i]);
        outcomes[2].message = message;
        outcomes[2].message_len = sizeof message;
        expect_status(settle_outcomes(f.db, WORKER, outcomes, BATCH, &error), DB_OK, error);
        expect_results(outcomes, SETTLE_DONE, SETTLE_DONE);
        assert_int_equal(sql_u64(f.admin, "SELECT COUNT(*) FROM dueq_error"
                                          " WHERE message = 'it did not work'"),
                         BATCH - 1);
        assert_int_equal(sql_u64(f.admin, "SELECT COUNT(*) FROM dueq_error WHERE job_id = 3"
                                          " AND message LIKE '%%could not be written%%'"),
                         1);
        assert_int_equal(sql_u64(f.admin, "SELECT COUNT(*) FROM %s",
                                 kinds[i] == OUTCOME_DEAD ? "dueq_dead" : "dueq_job"),
                         BATCH);
    }
}

static void a_message_that_just_fits_is_kept(void **state)
{
    (void) state;
    static char message[65535];
    memset(message, '\'', sizeof message);
    fixture_insert(&f, 1);
    struct outcome outcome = fixture_outcome(&fixture_lease(&f, 1, 7).items[0].job, OUTCOME_DEAD);
    outcome.message = message;
    outcome.message_len = sizeof message;
    assert_int_equal(fixture_settle_one(&f, outcome), SETTLE_DONE);
    assert_int_equal(sql_u64(f.admin, "SELECT LENGTH(message) FROM dueq_dead"), sizeof message);
    assert_int_equal(sql_u64(f.admin, "SELECT LENGTH(message) FROM dueq_error"), sizeof message);
}

/* Each byte of such a message takes four in the statement. */
static void messages_too_many_for_a_statement_are_written_in_several(void **state)
{
    (void) state;
    enum { COUNT = 1000, LEN = 8191 };
    static char message[LEN];
    static struct outcome outcomes[COUNT];
    memset(message, '"', LEN);
    fixture_insert(&f, COUNT);
    struct claim claim = fixture_lease(&f, COUNT, 7);
    for (int i = 0; i < COUNT; i++) {
        outcomes[i] = fixture_outcome(&claim.items[i].job, OUTCOME_DEAD);
        outcomes[i].message = message;
        outcomes[i].message_len = LEN;
    }
    struct error error = { "" };
    expect_status(settle_outcomes(f.db, WORKER, outcomes, COUNT, &error), DB_OK, error);
    for (int i = 0; i < COUNT; i++)
        assert_int_equal(outcomes[i].result, SETTLE_DONE);
    assert_int_equal(
        sql_u64(f.admin, "SELECT COUNT(*) FROM dueq_dead WHERE LENGTH(message) = %d", LEN), COUNT);
    assert_int_equal(
        sql_u64(f.admin, "SELECT COUNT(*) FROM dueq_error WHERE LENGTH(message) = %d", LEN), COUNT);
}

/* By a CHECK of an operator's own, say. */
static void a_row_that_cannot_be_changed_stays_under_its_lease_and_is_named(void **state)
{
    (void) state;
    struct outcome outcomes[BATCH];
    struct error error = { "" };
    lease_batch(outcomes, OUTCOME_RETRY);
    sql_run(f.admin, "UPDATE dueq_job SET ordering_key = 'o' WHERE id = 3;"
                     "ALTER TABLE dueq_job ADD CONSTRAINT stubborn"
                     " CHECK (ordering_key IS NULL OR lease IS NOT NULL)");
    enum db_status status = settle_outcomes(f.db, WORKER, outcomes, BATCH, &error);
    sql_run(f.admin, "ALTER TABLE dueq_job DROP CONSTRAINT stubborn");
    expect_status(status, DB_OK, error);
    expect_results(outcomes, SETTLE_LATER, SETTLE_DONE);
    expect_words(error.text, "settling job 3");
    expect_words(error.text, "stubborn");
    assert_int_equal(sql_u64(f.admin, "SELECT lease = 7 AND attempts = 1 FROM dueq_job"
                                      " WHERE id = 3"),
                     1);
    assert_int_equal(sql_u64(f.admin, "SELECT COUNT(*) FROM dueq_error WHERE job_id = 3"), 0);
    assert_int_equal(fixture_settle_one(&f, outcomes[2]), SETTLE_DONE);
}

static void a_missing_privilege_holds_up_only_what_needs_it(void **state)
{
    (void) state;
    struct outcome outcomes[BATCH];
    struct error error = { "" };
    const struct test_database *database = f.database;
    lease_batch(outcomes, OUTCOME_DONE);
    outcomes[2].kind = OUTCOME_DEAD;
    sql_run(f.admin, "REVOKE INSERT ON `%s`.dueq_dead FROM '%s'@'%%'", database->name,
            database->daemon.user);
    enum db_status status = settle_outcomes(f.db, WORKER, outcomes, BATCH, &error);
    sql_run(f.admin, "GRANT INSERT ON `%s`.dueq_dead TO '%s'@'%%'", database->name,
            database->daemon.user);
    expect_status(status, DB_OK, error);
    expect_results(outcomes, SETTLE_LATER, SETTLE_DONE);
    expect_words(error.text, "settling job 3");
    expect_words(error.text, "dueq_dead");
    assert_int_equal(sql_u64(f.admin, "SELECT COUNT(*) FROM dueq_job WHERE id = 3 AND lease = 7"),
                     1);
    assert_int_equal(sql_u64(f.admin, "SELECT COUNT(*) FROM dueq_job"), 1);
    assert_int_equal(sql_u64(f.admin, "SELECT COUNT(*) FROM dueq_error"), 0);
    assert_int_equal(fixture_settle_one(&f, outcomes[2]), SETTLE_DONE);
}

struct settling {
    struct db *db;
    struct outcome outcomes[BATCH];
    enum db_status status;
    struct error error;
};

static void *run_settle(void *arg)
{
    struct settling *settling = arg;
    db_thread_init();
    settling->status = settle_outcomes(settling->db, WORKER, settling->outcomes, BATCH,
                                       &settling->error);
    db_thread_done();
    return NULL;
}

/* Stopped by a lock on the table that is written last, when all the rest is written. */
static void a_connection_lost_before_the_commit_has_settled_nothing(void **state)
{
    (void) state;
    struct settling settling = { .db = f.db };
    pthread_t thread;
    lease_batch(settling.outcomes, OUTCOME_DONE);
    settling.outcomes[2].kind = OUTCOME_DEAD;
    settling.outcomes[4].kind = OUTCOME_RETRY;

    MYSQL *locker = test_connect(f.database, NULL);
    sql_run(locker, "LOCK TABLES dueq_dead WRITE");
    assert_int_equal(thread_start(&thread, "settle", run_settle, &settling), 0);
    sql_wait_until(f.admin, LIMIT_S,
                   "SELECT COUNT(*) FROM information_schema.processlist"
                   " WHERE id = %llu AND info LIKE 'INSERT INTO dueq_dead%%'"
                   " AND state LIKE '%%metadata lock%%'",
                   (unsigned long long) db_connection_id(f.db));
    sql_run(f.admin, "KILL %llu", (unsigned long long) db_connection_id(f.db));
    pthread_join(thread, NULL);
    mysql_close(locker);

    expect_status(settling.status, DB_LOST, settling.error);
    expect_results(settling.outcomes, SETTLE_OPEN, SETTLE_OPEN);
    assert_int_equal(sql_u64(f.admin, "SELECT COUNT(*) FROM dueq_job WHERE lease = 7"), BATCH);
    assert_int_equal(sql_u64(f.admin, "SELECT COUNT(*) FROM dueq_error"), 0);

    db_close(f.db);
    f.db = fixture_open(&f);
    sql_wait_until(
        f.admin, LIMIT_S, /* the server frees the rows when it notices */
        "SELECT COUNT(*) = %d FROM (SELECT id FROM dueq_job FOR UPDATE SKIP LOCKED) free", BATCH);
    fixture_settle(&f, settling.outcomes, BATCH);
    expect_results(settling.outcomes, SETTLE_DONE, SETTLE_DONE);
    assert_int_equal(sql_u64(f.admin, "SELECT COUNT(*) FROM dueq_job"), 1);
    assert_int_equal(sql_u64(f.admin, "SELECT COUNT(*) FROM dueq_dead"), 1);
    assert_int_equal(sql_u64(f.admin, "SELECT COUNT(*) FROM dueq_error"), 2);
}

static void a_missing_table_settles_nothing_and_says_so(void **state)
{
    (void) state;
    struct outcome outcomes[BATCH];
    struct error error = { "" };
    lease_batch(outcomes, OUTCOME_RETRY);
    sql_run(f.admin, "RENAME TABLE dueq_error TO dueq_elsewhere");
    enum db_status status = settle_outcomes(f.db, WORKER, outcomes, BATCH, &error);
    sql_run(f.admin, "RENAME TABLE dueq_elsewhere TO dueq_error");
    expect_status(status, DB_OK, error);
    expect_results(outcomes, SETTLE_LATER, SETTLE_LATER);
    expect_words(error.text, "dueq_error");
    assert_int_equal(sql_u64(f.admin, "SELECT COUNT(*) FROM dueq_job WHERE lease = 7"), BATCH);
    fixture_settle(&f, outcomes, BATCH);
    expect_results(outcomes, SETTLE_DONE, SETTLE_DONE);
}

int main(void)
{
#define EACH(test) cmocka_unit_test_setup(test, clear)
    const struct CMUnitTest tests[] = {
        EACH(a_message_that_does_not_fit_is_replaced_and_the_others_are_kept),
        EACH(a_message_that_just_fits_is_kept),
        EACH(messages_too_many_for_a_statement_are_written_in_several),
        EACH(a_row_that_cannot_be_changed_stays_under_its_lease_and_is_named),
        EACH(a_missing_privilege_holds_up_only_what_needs_it),
        EACH(a_connection_lost_before_the_commit_has_settled_nothing),
        EACH(a_missing_table_settles_nothing_and_says_so),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
