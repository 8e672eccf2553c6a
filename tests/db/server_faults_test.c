#include "fixture.h"

#include "server.h"
#include "thread.h"
#include "transaction.h"

/* What a connection says when its server is stopped, killed, held still or read-only. */

static struct test_server *server;
static struct fixture f;

static int set_up(void **state)
{
    (void) state;
    server = test_server_new(NULL);
    fixture_set_up_on(&f, server);
    return 0;
}

static int tear_down(void **state)
{
    (void) state;
    fixture_tear_down(&f);
    test_server_free(server);
    return 0;
}

static int clear(void **state)
{
    (void) state;
    sql_run(f.admin, "UNLOCK TABLES; SET GLOBAL read_only = 0");
    fixture_clear(&f);
    return 0;
}

/* The server is new, and so are the connections to it. */
static void reconnect(void)
{
    db_close(f.db);
    mysql_close(f.admin);
    f.admin = f.database->admin = test_connect(f.database, NULL);
    f.db = fixture_open(&f);
}

static void expect_failure(const char *sql, enum db_status wanted)
{
    struct error error = { "" };
    expect_status(db_run(f.db, sql, &error), wanted, error);
    assert_string_not_equal(error.text, "");
}

static void a_read_only_server_takes_no_writes_and_says_so(void **state)
{
    (void) state;
    struct error error = { "" };
    fixture_insert(&f, 1);
    sql_run(f.admin, "SET GLOBAL read_only = 1");
    expect_failure("UPDATE dueq_job SET attempts = 1", DB_READ_ONLY);
    expect_failure("INSERT INTO dueq_job (kind, payload) VALUES ('k', '')", DB_READ_ONLY);
    expect_status(db_run(f.db, "SELECT COUNT(*) FROM dueq_job", &error), DB_OK, error);

    const struct claim_request request = fixture_request(10);
    struct claim claim;
    enum db_status status = claim_begin(f.db, &request, &f.arena, &claim, &error);
    bool in_doubt = false;
    if (status == DB_OK) /* whichever of the two needs more than reading */
        status = claim_commit(f.db, &request, &claim, 1, LEASE_US, &in_doubt, &error);
    expect_status(status, DB_READ_ONLY, error);
    assert_false(in_doubt);
    sql_run(f.admin, "SET GLOBAL read_only = 0");

    claim = fixture_lease(&f, 1, 2);
    struct outcome outcomes[2] = { fixture_outcome(&claim.items[0].job, OUTCOME_DONE),
                                   fixture_outcome(&claim.items[0].job, OUTCOME_RETRY) };
    sql_run(f.admin, "SET GLOBAL read_only = 1");
    for (int i = 0; i < 2; i++) {
        expect_status(settle_outcomes(f.db, WORKER, &outcomes[i], 1, &error), DB_READ_ONLY, error);
        assert_int_equal(outcomes[i].result, SETTLE_OPEN);
    }
    sql_run(f.admin, "SET GLOBAL read_only = 0");
    assert_int_equal(fixture_settle_one(&f, outcomes[0]), SETTLE_DONE);
}

static void a_server_that_becomes_read_only_before_the_commit_refuses_it(void **state)
{
    (void) state;
    struct error error = { "" };
    fixture_insert(&f, 1);
    const struct claim_request request = fixture_request(10);
    struct claim claim = fixture_begin(&f, 10);
    sql_run(f.admin, "SET GLOBAL read_only = 1");
    bool in_doubt = true;
    expect_status(claim_commit(f.db, &request, &claim, 1, LEASE_US, &in_doubt, &error),
                  DB_READ_ONLY, error);
    assert_false(in_doubt);
    sql_run(f.admin, "SET GLOBAL read_only = 0");
    fixture_lease(&f, 1, 2); /* nobody holds it */
}

static void a_stopped_server_is_a_lost_connection_until_it_is_back(void **state)
{
    (void) state;
    struct db_options options = fixture_options(&f, NULL);
    struct db *other;
    struct error error = { "" };
    fixture_insert(&f, 1);
    test_server_stop(server);
    expect_failure("SELECT 1", DB_LOST);
    expect_status(db_open(&options, &other, &error), DB_LOST, error);
    expect_words(error.text, server->socket);
    test_server_start(server);
    reconnect();
    fixture_lease(&f, 1, 1);
}

static void a_killed_server_gives_the_claimed_rows_back(void **state)
{
    (void) state;
    struct error error = { "" };
    fixture_insert(&f, 2);
    struct claim leased = fixture_lease(&f, 1, 1);
    const struct claim_request request = fixture_request(10);
    struct claim claim = fixture_begin(&f, 10);
    assert_int_equal(claim.count, 1);
    test_server_kill(server);
    bool in_doubt = true;
    expect_status(claim_commit(f.db, &request, &claim, 2, LEASE_US, &in_doubt, &error), DB_LOST,
                  error);
    assert_false(in_doubt); /* it was not the COMMIT that went unanswered */
    test_server_start(server);
    reconnect();
    claim = fixture_lease(&f, 1, 3);
    assert_int_equal(claim.items[0].job.attempts, 1);
    assert_int_equal(claim.items[0].job.expired_lease, 0);
    assert_int_equal(fixture_settle_one(&f, fixture_outcome(&leased.items[0].job, OUTCOME_DONE)),
                     SETTLE_DONE);
}

static void a_server_that_does_not_answer_is_given_up_after_the_timeout(void **state)
{
    (void) state;
    struct db_options options = fixture_options(&f, NULL);
    struct db *patient, *none = NULL;
    struct error error = { "" };
    options.connect_timeout_us = 1; /* a whole second, which is the least */
    options.read_timeout_us = 1;
    expect_status(db_open(&options, &patient, &error), DB_OK, error);

    test_server_freeze(server);
    enum db_status asked;
    do /* all its threads have not stopped yet when the signal is sent */
        asked = db_run(patient, "SELECT 1", &error);
    while (asked == DB_OK);
    enum db_status opened = db_open(&options, &none, &error);
    test_server_thaw(server);
    expect_status(asked, DB_LOST, error);
    expect_status(opened, DB_LOST, error);
    assert_null(none);
    db_close(patient);
}

struct ending {
    struct db *db;
    enum db_status status;
    bool in_doubt;
    struct error error;
};

static void *run_end(void *arg)
{
    struct ending *ending = arg;
    db_thread_init();
    ending->status = transaction_end(ending->db, DB_OK, &ending->in_doubt, &ending->error);
    db_thread_done();
    return NULL;
}

/* The server has the COMMIT, but cannot carry it out before another connection lets it. */
static void a_commit_whose_answer_does_not_come_is_in_doubt_and_may_have_happened(void **state)
{
    (void) state;
    struct ending ending = { .db = f.db };
    struct error error = { "" };
    pthread_t thread;
    fixture_insert(&f, 1);
    expect_status(transaction_begin(f.db, &error), DB_OK, error);
    expect_status(db_run(f.db, "UPDATE dueq_job SET attempts = 5", &error), DB_OK, error);
    sql_run(f.admin, "FLUSH TABLES WITH READ LOCK");
    assert_int_equal(thread_start(&thread, "commit", run_end, &ending), 0);
    sql_wait_until(f.admin, LIMIT_S,
                   "SELECT COUNT(*) FROM information_schema.processlist"
                   " WHERE id = %llu AND info = 'COMMIT' AND state LIKE 'Waiting%%'",
                   (unsigned long long) db_connection_id(f.db));
    db_abort(f.db);
    pthread_join(thread, NULL);
    expect_status(ending.status, DB_LOST, ending.error);
    assert_true(ending.in_doubt);
    sql_run(f.admin, "UNLOCK TABLES");
    sql_wait_until(f.admin, LIMIT_S, "SELECT attempts = 5 FROM dueq_job");
}

static void a_transaction_that_failed_is_rolled_back_and_not_in_doubt(void **state)
{
    (void) state;
    struct error error = { "" };
    bool in_doubt = true;
    fixture_insert(&f, 1);
    expect_status(transaction_begin(f.db, &error), DB_OK, error);
    expect_status(db_run(f.db, "UPDATE dueq_job SET attempts = 5", &error), DB_OK, error);
    expect_status(transaction_end(f.db, DB_CONSTRAINT, &in_doubt, &error), DB_CONSTRAINT, error);
    assert_false(in_doubt);
    assert_int_equal(sql_u64(f.admin, "SELECT attempts FROM dueq_job"), 0);
    expect_status(db_run(f.db, "UPDATE dueq_job SET attempts = 6", &error), DB_OK, error);
    assert_int_equal(sql_u64(f.admin, "SELECT attempts FROM dueq_job"), 6);

    /* A connection that cannot even roll back is of no use, whatever the failure was. */
    sql_run(f.admin, "KILL %llu", (unsigned long long) db_connection_id(f.db));
    expect_status(transaction_end(f.db, DB_RETRY, &in_doubt, &error), DB_LOST, error);
    assert_false(in_doubt);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_read_only_server_takes_no_writes_and_says_so, clear),
        cmocka_unit_test_setup(a_server_that_becomes_read_only_before_the_commit_refuses_it, clear),
        cmocka_unit_test_setup(
            a_commit_whose_answer_does_not_come_is_in_doubt_and_may_have_happened, clear),
        cmocka_unit_test_setup(a_transaction_that_failed_is_rolled_back_and_not_in_doubt, clear),
        cmocka_unit_test_setup(a_stopped_server_is_a_lost_connection_until_it_is_back, clear),
        cmocka_unit_test_setup(a_killed_server_gives_the_claimed_rows_back, clear),
        cmocka_unit_test_setup(a_server_that_does_not_answer_is_given_up_after_the_timeout, clear),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
