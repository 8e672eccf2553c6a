#include "fixture.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "server.h"
#include "thread.h"
#include "wait.h"

/* Producers that insert duplicates of unique keys, in business transactions of their own, against
 * lanes that run and remove those very jobs: no producer is ever the victim of a deadlock with us,
 * duplicates are absorbed, and what replaces a running job is run. */

static struct test_server *server; /* its own, since the waits of all are counted */
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

#define ABSORB "ON DUPLICATE KEY UPDATE id = id"
#define REPLACE                                                                                    \
    "ON DUPLICATE KEY UPDATE payload = VALUES(payload), next_run_at = VALUES(next_run_at),"        \
    " lease = NULL"

struct statement {
    MYSQL *connection;
    const char *sql;
    unsigned error;
};

static void *run_statement(void *arg)
{
    struct statement *statement = arg;
    mysql_thread_init();
    statement->error = sql_try(statement->connection, "%s", statement->sql);
    mysql_thread_end();
    return NULL;
}

static bool somebody_waits(void *userdata)
{
    return fixture_lock_waits(&f) > *(uint64_t *) userdata;
}

/* Claims all, and commits with every verdict as given while a producer who has the entry of the key
 * 'a' waits for its row, which the claim has: who now deletes that row needs the entry, too. */
static struct claim commit_beside_a_producer(enum claim_verdict verdict)
{
    struct statement statement = {
        .connection = test_connect(f.database, &f.database->producer),
        .sql = "INSERT INTO dueq_job (kind, payload, unique_key) VALUES ('k', 'new', 'a') " REPLACE,
    };
    pthread_t thread;
    sql_run(f.admin, "INSERT INTO dueq_job (id, kind, payload, unique_key)"
                     " VALUES (1, 'k', 'old', 'a'), (2, 'k', 'old', 'b'), (3, 'k', 'old', NULL)");
    struct claim claim = fixture_begin(&f, 10);
    uint64_t before = fixture_lock_waits(&f);
    assert_int_equal(thread_start(&thread, "producer", run_statement, &statement), 0);
    bool waits = wait_until(somebody_waits, &before, LIMIT_S);
    for (size_t i = 0; i < claim.count; i++) {
        struct claimed *item = &claim.items[i];
        item->verdict = verdict;
        item->reason = DEAD_EXHAUSTED;
        item->message = "";
        item->outcome = fixture_outcome(&item->job, OUTCOME_DONE);
        item->outcome.attempt = item->job.attempts + 1;
    }
    const struct claim_request request = fixture_request(10);
    struct error error = { "" };
    bool in_doubt;
    enum db_status status = claim_commit(f.db, &request, &claim, 7, LEASE_US, &in_doubt, &error);
    pthread_join(thread, NULL);
    mysql_close(statement.connection);
    assert_true(waits);
    assert_int_equal(statement.error, 0);
    expect_status(status, DB_OK, error);
    return claim;
}

static void a_claim_that_buries_a_job_does_not_deadlock_with_its_producer(void **state)
{
    (void) state;
    struct claim claim = commit_beside_a_producer(CLAIM_DEAD);
    /* The others are dead, and this one is as its producer wants it. */
    assert_int_equal(claim.items[0].verdict, CLAIM_RELEASE);
    assert_int_equal(sql_u64(f.admin, "SELECT COUNT(*) FROM dueq_dead"), 2);
    assert_int_equal(sql_u64(f.admin, "SELECT id = 1 AND payload = 'new' FROM dueq_job"), 1);
    fixture_lease(&f, 1, 8);
}

static void a_job_that_was_held_and_is_done_does_not_deadlock_with_its_producer(void **state)
{
    (void) state;
    struct claim claim = commit_beside_a_producer(CLAIM_SETTLE);
    /* It was leased instead, and then replaced: the new one is run, and the old outcome refused. */
    assert_int_equal(claim.items[0].verdict, CLAIM_RUN);
    assert_int_equal(sql_u64(f.admin, "SELECT COUNT(*) FROM dueq_job"), 1);
    assert_int_equal(sql_u64(f.admin, "SELECT id = 1 AND payload = 'new' FROM dueq_job"), 1);
    assert_int_equal(fixture_settle_one(&f, fixture_outcome(&claim.items[0].job, OUTCOME_DONE)),
                     SETTLE_FENCED);
    fixture_lease(&f, 1, 8);
}

static void what_replaces_a_running_job_is_run(void **state)
{
    (void) state;
    static const enum outcome_kind kinds[] = { OUTCOME_DONE, OUTCOME_RETRY, OUTCOME_SNOOZE,
                                               OUTCOME_DEAD, OUTCOME_RELEASE };
    MYSQL *producer = test_connect(f.database, &f.database->producer);
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        fixture_clear(&f);
        sql_run(producer, "INSERT INTO dueq_job (kind, payload, unique_key)"
                          " VALUES ('k', 'old', 'a')");
        struct claim claim = fixture_lease(&f, 1, 7);
        const struct outcome outcome = fixture_outcome(&claim.items[0].job, kinds[i]);

        /* Before the producer commits nobody can tell; then the old outcome is refused. */
        sql_run(producer, "BEGIN; INSERT INTO dueq_job (kind, payload, unique_key)"
                          " VALUES ('k', 'new', 'a') " REPLACE);
        assert_int_equal(fixture_settle_one(&f, outcome), SETTLE_LATER);
        sql_run(producer, "COMMIT");
        assert_int_equal(fixture_settle_one(&f, outcome), SETTLE_FENCED);

        claim = fixture_lease(&f, 1, 8);
        assert_string_equal(claim.items[0].job.payload, "new");
        assert_int_equal(claim.items[0].job.attempts, 2);
        assert_int_equal(fixture_settle_one(&f, fixture_outcome(&claim.items[0].job, OUTCOME_DONE)),
                         SETTLE_DONE);
        assert_int_equal(sql_u64(f.admin, "SELECT COUNT(*) FROM dueq_job"), 0);
    }
    mysql_close(producer);
}

static void a_producer_that_rolls_back_leaves_the_running_job_to_us(void **state)
{
    (void) state;
    MYSQL *producer = test_connect(f.database, &f.database->producer);
    sql_run(producer, "INSERT INTO dueq_job (kind, payload, unique_key) VALUES ('k', 'old', 'a')");
    struct claim claim = fixture_lease(&f, 1, 7);
    const struct outcome outcome = fixture_outcome(&claim.items[0].job, OUTCOME_DONE);
    sql_run(producer, "BEGIN; INSERT INTO dueq_job (kind, payload, unique_key)"
                      " VALUES ('k', 'new', 'a') " REPLACE);
    assert_int_equal(fixture_settle_one(&f, outcome), SETTLE_LATER);
    mysql_close(producer);
    sql_wait_until(f.admin, LIMIT_S,
                   "SELECT COUNT(*) FROM (SELECT id FROM dueq_job FOR UPDATE SKIP LOCKED) free");
    assert_int_equal(fixture_settle_one(&f, outcome), SETTLE_DONE);
    assert_int_equal(sql_u64(f.admin, "SELECT COUNT(*) FROM dueq_job"), 0);
}

/* The storm. Each producer has a range of keys of its own, fenced off by rows that nobody touches,
 * since two producers can well deadlock with each other; what error a producer gets here is ours.
 */
enum { PRODUCERS = 3, LANES = 2, KEYS = 12, TRANSACTIONS = 120, LANE_BATCH = 20 };

struct producer {
    MYSQL *connection;
    int number;
    pthread_t thread;
    unsigned error; /* of its first statement that failed */
    char sql[512];
};

static _Atomic int producing;
static _Atomic bool lanes_end;

static unsigned produce(struct producer *producer, int round)
{
    static const char *const recipes[] = { ABSORB, REPLACE };
    const bool ignore = round % 3 == 2;

    unsigned error = sql_try(producer->connection, "BEGIN");
    for (int i = 0; i < 3 && !error; i++) {
        snprintf(producer->sql, sizeof producer->sql,
                 "INSERT %sINTO dueq_job (kind, payload, unique_key)"
                 " VALUES ('k', '%d', 'p%d:%02d') %s",
                 ignore ? "IGNORE " : "", round, producer->number, (round * 5 + i) % (KEYS - 3) + i,
                 ignore ? "" : recipes[round % 3]);
        error = sql_try(producer->connection, "%s", producer->sql);
        if (!error) /* what else a business transaction does meanwhile */
            error = sql_try(producer->connection, "DO SLEEP(0.002)");
    }
    return error ? error : sql_try(producer->connection, "COMMIT");
}

static void *run_producer(void *arg)
{
    struct producer *producer = arg;
    mysql_thread_init();
    for (int round = 0; round < TRANSACTIONS && !producer->error; round++)
        producer->error = produce(producer, round);
    atomic_fetch_sub(&producing, 1);
    mysql_thread_end();
    return NULL;
}

struct lane {
    struct db *db;
    int number;
    pthread_t thread;
    size_t done, fenced, later;
    enum db_status status; /* the first that was not DB_OK */
    struct error error;
};

static void count(struct lane *lane, struct outcome *outcomes, size_t *n)
{
    size_t kept = 0;
    for (size_t i = 0; i < *n; i++) {
        lane->done += outcomes[i].result == SETTLE_DONE;
        lane->fenced += outcomes[i].result == SETTLE_FENCED;
        if (outcomes[i].result == SETTLE_LATER || outcomes[i].result == SETTLE_OPEN) {
            lane->later++;
            outcomes[kept] = outcomes[i];
            outcomes[kept++].result = SETTLE_OPEN;
        }
    }
    *n = kept;
}

/* Claims, ends every third job without removing it, settles, and settles again what was put off. */
static enum db_status run_batch(struct lane *lane, uint64_t token)
{
    const struct claim_request request = fixture_request(LANE_BATCH);
    struct arena arena = { 0 };
    struct claim claim;
    struct outcome outcomes[LANE_BATCH];
    bool in_doubt;
    size_t n = 0;

    enum db_status status = claim_begin(lane->db, &request, &arena, &claim, &lane->error);
    if (status == DB_OK && claim.count > 0)
        status = claim_commit(lane->db, &request, &claim, token, LEASE_US, &in_doubt, &lane->error);
    /* Now and then the claim is the victim, on MariaDB, whose SKIP LOCKED is seen to wait for an
     * instant: a lane just claims again. docs/producers.md says when it can be the producer, which
     * takes a claim of more pages than these. */
    if (status == DB_RETRY) {
        lane->error.text[0] = '\0';
        arena_done(&arena);
        return DB_OK;
    }
    for (size_t i = 0; status == DB_OK && i < claim.count; i++) {
        const struct job *job = &claim.items[i].job;
        outcomes[n] = fixture_outcome(job, job->attempts % 3 == 1 ? OUTCOME_RETRY : OUTCOME_DONE);
        outcomes[n++].delay_us = 0;
    }
    while (status == DB_OK && n > 0) {
        status = settle_outcomes(lane->db, WORKER, outcomes, n, &lane->error);
        if (status == DB_OK)
            count(lane, outcomes, &n);
    }
    arena_done(&arena);
    return status;
}

static void *run_lane(void *arg)
{
    struct lane *lane = arg;
    db_thread_init();
    for (uint64_t token = 1; lane->status == DB_OK && !lanes_end; token++)
        lane->status = run_batch(lane, (uint64_t) (lane->number + 1) << 32 | token);
    db_thread_done();
    return NULL;
}

static bool producers_are_through(void *userdata)
{
    (void) userdata;
    return producing == 0;
}

static bool nothing_is_left(void *userdata)
{
    (void) userdata;
    return sql_u64(f.admin, "SELECT COUNT(*) FROM dueq_job WHERE kind = 'k'") == 0;
}

static void storm(const char *isolation)
{
    struct producer producers[PRODUCERS] = { 0 };
    struct lane lanes[LANES] = { 0 };

    for (int i = 0; i < PRODUCERS; i++) {
        producers[i].number = i;
        producers[i].connection = test_connect(f.database, &f.database->producer);
        /* A producer that has to wait for longer than a moment says so. */
        sql_run(producers[i].connection,
                "SET innodb_lock_wait_timeout = 5;"
                "SET SESSION TRANSACTION ISOLATION LEVEL %s",
                isolation);
        sql_run(f.admin,
                "INSERT INTO dueq_job (kind, payload, unique_key, next_run_at)"
                " VALUES ('fence', '', 'p%d~', '2037-01-01')",
                i);
    }
    producing = PRODUCERS;
    lanes_end = false;
    for (int i = 0; i < LANES; i++) {
        lanes[i] = (struct lane){ .db = fixture_open(&f), .number = i };
        assert_int_equal(thread_start(&lanes[i].thread, "lane", run_lane, &lanes[i]), 0);
    }
    for (int i = 0; i < PRODUCERS; i++)
        assert_int_equal(
            thread_start(&producers[i].thread, "producer", run_producer, &producers[i]), 0);
    bool through = wait_until(producers_are_through, NULL, LIMIT_S);
    bool empty = wait_until(nothing_is_left, NULL, LIMIT_S);
    lanes_end = true;
    for (int i = 0; i < LANES; i++)
        pthread_join(lanes[i].thread, NULL);
    for (int i = 0; i < PRODUCERS; i++)
        pthread_join(producers[i].thread, NULL);

    size_t done = 0, later = 0, fenced = 0;
    for (int i = 0; i < LANES; i++) {
        expect_status(lanes[i].status, DB_OK, lanes[i].error);
        assert_string_equal(lanes[i].error.text, "");
        done += lanes[i].done;
        later += lanes[i].later;
        fenced += lanes[i].fenced;
        db_close(lanes[i].db);
    }
    for (int i = 0; i < PRODUCERS; i++) {
        if (producers[i].error)
            test_fail("a producer got error %u from: %s", producers[i].error, producers[i].sql);
        mysql_close(producers[i].connection);
    }
    print_message("settled %zu, fenced %zu, put off %zu times\n", done, fenced, later);
    assert_true(through);
    assert_true(empty);
    assert_true(done > 0);
}

static void producers_of_duplicates_never_get_an_error_from_us(void **state)
{
    (void) state;
    storm("READ COMMITTED");
}

static void nor_do_they_in_the_isolation_that_servers_have_by_default(void **state)
{
    (void) state;
    storm("REPEATABLE READ");
}

int main(void)
{
#define EACH(test) cmocka_unit_test_setup(test, clear)
    const struct CMUnitTest tests[] = {
        EACH(a_claim_that_buries_a_job_does_not_deadlock_with_its_producer),
        EACH(a_job_that_was_held_and_is_done_does_not_deadlock_with_its_producer),
        EACH(what_replaces_a_running_job_is_run),
        EACH(a_producer_that_rolls_back_leaves_the_running_job_to_us),
        EACH(producers_of_duplicates_never_get_an_error_from_us),
        EACH(nor_do_they_in_the_isolation_that_servers_have_by_default),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
