#include "fixture.h"

#include <string.h>

#include "lease.h"
#include "server.h"
#include "thread.h"
#include "wait.h"

/* Rows that another transaction holds while a claim, a settle or a renewal wants them: none waits,
 * and what is put off is done the next time. The server is one test's own, since it counts the
 * waits of all. */

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
    sql_try(f.admin, "ROLLBACK");
    fixture_clear(&f);
    return 0;
}

static uint64_t waits(void)
{
    return fixture_lock_waits(&f);
}

static void the_count_of_waits_counts(void **state)
{
    (void) state;
    struct error error = { "" };
    uint64_t before = waits();
    fixture_insert(&f, 1);
    sql_run(f.admin, "BEGIN; UPDATE dueq_job SET payload = 'x'");
    expect_status(db_run(f.db, "UPDATE dueq_job SET payload = 'y'", &error), DB_RETRY, error);
    assert_int_equal(waits(), before + 1);
}

static const enum outcome_kind every_kind[] = { OUTCOME_DONE, OUTCOME_RETRY, OUTCOME_SNOOZE,
                                                OUTCOME_DEAD, OUTCOME_RELEASE };

/* Five jobs of that kind of outcome, the third of which is locked by `lock`: it is put off, the
 * others are settled, nobody waits, and once the lock is gone it is settled, too. */
static void expect_later(enum outcome_kind kind, const char *key, const char *lock)
{
    struct outcome outcomes[5];

    clear(NULL);
    for (int i = 1; i <= 5; i++)
        sql_run(f.admin,
                "INSERT INTO dueq_job (id, kind, payload, unique_key)"
                " VALUES (%d, 'k', '', CONCAT(%s, %d))",
                i, key, i);
    struct claim claim = fixture_lease(&f, 5, 7);
    for (int i = 0; i < 5; i++)
        outcomes[i] = fixture_outcome(&claim.items[i].job, kind);
    uint64_t before = waits();
    sql_run(f.admin, "BEGIN; %s", lock);
    fixture_settle(&f, outcomes, 5);
    for (int i = 0; i < 5; i++)
        assert_int_equal(outcomes[i].result, i == 2 ? SETTLE_LATER : SETTLE_DONE);
    assert_int_equal(fixture_settle_one(&f, outcomes[2]), SETTLE_LATER);
    assert_int_equal(waits(), before);
    sql_run(f.admin, "ROLLBACK");
    assert_int_equal(sql_u64(f.admin, "SELECT lease FROM dueq_job WHERE id = 3"), 7);
    assert_int_equal(fixture_settle_one(&f, outcomes[2]), SETTLE_DONE);
    assert_int_equal(sql_u64(f.admin, "SELECT COUNT(*) FROM dueq_job WHERE lease IS NOT NULL"), 0);
}

static void a_row_that_is_locked_is_settled_later_whatever_came_of_it(void **state)
{
    (void) state;
    for (size_t i = 0; i < sizeof every_kind / sizeof *every_kind; i++) {
        expect_later(every_kind[i], "NULL", "SELECT * FROM dueq_job WHERE id = 3 FOR UPDATE");
        expect_later(every_kind[i], "NULL", "UPDATE dueq_job SET payload = 'x' WHERE id = 3");
        expect_later(every_kind[i], "'key'", "SELECT * FROM dueq_job WHERE id = 3 FOR UPDATE");
    }
}

/* A business transaction that inserted a duplicate holds the entry of the unique key. */
static void a_key_that_a_producer_holds_is_settled_later(void **state)
{
    (void) state;
    static const enum outcome_kind removing[] = { OUTCOME_DONE, OUTCOME_DEAD };
    for (size_t i = 0; i < 2; i++) {
        expect_later(removing[i], "'key'",
                     "INSERT IGNORE INTO dueq_job (kind, payload, unique_key)"
                     " VALUES ('k', '', 'key3')");
        expect_later(removing[i], "'key'",
                     "INSERT INTO dueq_job (kind, payload, unique_key) VALUES ('k', '', 'key3')"
                     " ON DUPLICATE KEY UPDATE id = id");
        expect_later(removing[i], "'key'",
                     "INSERT INTO dueq_job (kind, payload, unique_key) VALUES ('k', 'new', 'key3')"
                     " ON DUPLICATE KEY UPDATE payload = VALUES(payload),"
                     " next_run_at = VALUES(next_run_at), lease = NULL");
    }
}

/* An operator's scan has rows in the order of the key, a batch in that of next_run_at: who waits
 * with rows in hand meets the other one halfway. */
static void a_batch_against_an_operator_in_the_other_order_is_no_deadlock(void **state)
{
    (void) state;
    struct outcome outcomes[3];
    fixture_insert(&f, 3);
    struct claim claim = fixture_lease(&f, 3, 7);
    for (int i = 0; i < 3; i++)
        outcomes[i] = fixture_outcome(&claim.items[i].job, OUTCOME_DONE);
    uint64_t before = waits();
    sql_run(f.admin, "BEGIN; DELETE FROM dueq_job WHERE id = %llu",
            (unsigned long long) outcomes[2].id);
    fixture_settle(&f, outcomes, 3);
    sql_run(f.admin, "DELETE FROM dueq_job WHERE id = %llu; COMMIT",
            (unsigned long long) outcomes[0].id);
    assert_int_equal(waits(), before);
    assert_int_equal(outcomes[0].result, SETTLE_DONE);
    assert_int_equal(outcomes[2].result, SETTLE_LATER);
    assert_int_equal(fixture_settle_one(&f, outcomes[2]), SETTLE_FENCED);
}

struct settling {
    struct db *db;
    struct outcome outcome;
    enum db_status status;
    struct error error;
};

static void *run_settle(void *arg)
{
    struct settling *settling = arg;
    db_thread_init();
    settling->status = settle_outcomes(settling->db, WORKER, &settling->outcome, 1,
                                       &settling->error);
    db_thread_done();
    return NULL;
}

static bool has_waited_twice(void *userdata)
{
    return waits() >= *(uint64_t *) userdata + 2;
}

/* The entry of the index `due` alone is locked, by a read that needs no more than the index. */
static void a_settle_that_has_to_be_tried_again_succeeds_without_a_word(void **state)
{
    (void) state;
    struct settling settling = { .db = f.db };
    pthread_t thread;
    fixture_insert(&f, 1);
    settling.outcome = fixture_outcome(&fixture_lease(&f, 1, 7).items[0].job, OUTCOME_DONE);
    uint64_t before = waits();
    MYSQL *reader = test_connect(f.database, NULL);
    sql_run(reader, "BEGIN; SELECT queue FROM dueq_job FORCE INDEX (due) WHERE queue = 'default'"
                    " AND priority = 5 LOCK IN SHARE MODE");
    assert_int_equal(thread_start(&thread, "settle", run_settle, &settling), 0);
    bool waited = wait_until(has_waited_twice, &before, LIMIT_S);
    mysql_close(reader);
    pthread_join(thread, NULL);
    assert_true(waited);
    expect_status(settling.status, DB_OK, settling.error);
    assert_int_equal(settling.outcome.result, SETTLE_DONE);
    assert_string_equal(settling.error.text, "");
}

static void a_claim_does_not_wait(void **state)
{
    (void) state;
    fixture_insert(&f, 5);
    uint64_t before = waits();
    sql_run(f.admin, "BEGIN; SELECT * FROM dueq_job FOR UPDATE");
    assert_int_equal(fixture_begin(&f, 10).count, 0);
    assert_int_equal(waits(), before);
}

static void a_renewal_does_not_wait_and_says_which_are_held_locked_and_lost(void **state)
{
    (void) state;
    struct error error = { "" };
    fixture_insert(&f, 4);
    struct claim claim = fixture_lease(&f, 4, 7);
    struct fence fences[4];
    for (int i = 0; i < 4; i++) {
        const struct job *job = &claim.items[3 - i].job;
        fences[i] = (struct fence){ .id = job->id, .lease = job->lease, .attempt = job->attempts };
    }
    const uint64_t lost = claim.items[1].job.id, locked = claim.items[2].job.id;
    sql_run(f.admin,
            "UPDATE dueq_job SET lease = 8 WHERE id = %llu; BEGIN;"
            "SELECT * FROM dueq_job WHERE id = %llu FOR UPDATE",
            (unsigned long long) lost, (unsigned long long) locked);
    uint64_t before = waits();
    expect_status(lease_renew(f.db, fences, 4, 10 * (int64_t) LEASE_US, &error), DB_OK, error);
    assert_int_equal(waits(), before);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(fences[i].id, claim.items[i].job.id);
        assert_int_equal(fences[i].state, fences[i].id == lost     ? FENCE_LOST
                                          : fences[i].id == locked ? FENCE_LOCKED
                                                                   : FENCE_HELD);
    }
    sql_run(f.admin, "ROLLBACK");
    assert_int_equal(sql_u64(f.admin, "SELECT COUNT(*) FROM dueq_job WHERE attempts = 1 AND"
                                      " lease = 7 AND next_run_at > NOW(6) + INTERVAL 5 MINUTE"),
                     2);
    assert_int_equal(sql_u64(f.admin, "SELECT COUNT(*) FROM dueq_job WHERE attempts = 1"
                                      " AND next_run_at < NOW(6) + INTERVAL 2 MINUTE"),
                     2);
}

int main(void)
{
#define EACH(test) cmocka_unit_test_setup(test, clear)
    const struct CMUnitTest tests[] = {
        EACH(the_count_of_waits_counts),
        EACH(a_row_that_is_locked_is_settled_later_whatever_came_of_it),
        EACH(a_key_that_a_producer_holds_is_settled_later),
        EACH(a_batch_against_an_operator_in_the_other_order_is_no_deadlock),
        EACH(a_settle_that_has_to_be_tried_again_succeeds_without_a_word),
        EACH(a_claim_does_not_wait),
        EACH(a_renewal_does_not_wait_and_says_which_are_held_locked_and_lost),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
