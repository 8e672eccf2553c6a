#include "fixture.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "server.h"
#include "thread.h"

/* Lanes that claim and settle in one small table at once. There a batch is a good part of the
 * table, and a statement that the optimizer turns into a scan waits for other lanes' rows and
 * deadlocks with them. */

enum { LANES_MOST = 8, BATCH = 50, JOBS = 4000 /* a table of its size has gone by in all */ };

static struct test_server *server; /* its own, since the deadlocks of all are counted */
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
    fixture_clear(&f);
    return 0;
}

/* Of the whole server, since it was started. */
static uint64_t deadlocks(void)
{
    static const char *const ways[] = {
        "SELECT variable_value FROM information_schema.global_status"
        " WHERE variable_name = 'Innodb_deadlocks'",
        "SELECT count FROM information_schema.innodb_metrics WHERE name = 'lock_deadlocks'"
        " AND status = 'enabled'",
    };
    for (size_t i = 0; i < 2; i++) {
        if (sql_try(f.admin, "%s", ways[i]) == 0)
            return sql_u64(f.admin, "%s", ways[i]);
    }
    test_fail("the server does not count deadlocks");
}

struct lane {
    struct db *db;
    struct db *producer;
    pthread_t thread;
    uint64_t token;
    uint64_t done[JOBS]; /* ids */
    size_t done_count;
    enum db_status status; /* the first that was not DB_OK */
    struct error error;
};

static _Atomic int to_insert; /* jobs not inserted yet */
static _Atomic int to_do;     /* jobs not done yet */
/* Never one for a second time: two inserts of keys that have just been deleted can deadlock with
 * each other, whatever the lanes do. */
static _Atomic unsigned next_key;
static _Atomic bool failed; /* a lane has: its jobs are not done any more */

/* As many new jobs as are wanted, up to `most`. */
static enum db_status insert(struct lane *lane, int most)
{
    int left = atomic_load(&to_insert), n;
    do
        n = left < most ? left : most;
    while (n > 0 && !atomic_compare_exchange_weak(&to_insert, &left, left - n));
    if (n <= 0)
        return DB_OK;

    struct buffer sql = { 0 };
    buffer_append_text(&sql, "INSERT INTO dueq_job (kind, payload, unique_key) VALUES ");
    for (int i = 0; i < n; i++) {
        buffer_append_text(&sql, i ? ", ('k', '{}', " : "('k', '{}', ");
        if (i % 3 == 0)
            buffer_append_format(&sql, "'%u')", next_key++);
        else
            buffer_append_text(&sql, "NULL)");
    }
    enum db_status status = db_execute_buffer(lane->producer, &sql, NULL, &lane->error);
    buffer_done(&sql);
    return status;
}

/* What a job becomes: one attempt in four fails and is tried again at once, or is given back. */
static enum outcome_kind outcome_kind_of(const struct job *job)
{
    static const enum outcome_kind kinds[] = { OUTCOME_DONE, OUTCOME_RETRY, OUTCOME_DONE,
                                               OUTCOME_DEAD };
    return job->attempts > 1 ? OUTCOME_DONE : kinds[job->id % 4];
}

static enum db_status settle(struct lane *lane, struct outcome *outcomes, size_t n)
{
    while (n > 0) {
        size_t later = 0;
        enum db_status status = settle_outcomes(lane->db, WORKER, outcomes, n, &lane->error);
        if (status != DB_OK)
            return status;
        for (size_t i = 0; i < n; i++) {
            if (outcomes[i].result == SETTLE_LATER) {
                outcomes[later++] = outcomes[i];
                continue;
            }
            /* A fenced one is counted nowhere, and then missing in the end. */
            if (outcomes[i].result == SETTLE_DONE && outcomes[i].kind != OUTCOME_RETRY) {
                if (lane->done_count < JOBS)
                    lane->done[lane->done_count++] = outcomes[i].id;
                atomic_fetch_sub(&to_do, 1);
            }
        }
        n = later;
    }
    return DB_OK;
}

static enum db_status run_batch(struct lane *lane)
{
    const struct claim_request request = fixture_request(BATCH);
    struct arena arena = { 0 };
    struct claim claim;
    struct outcome outcomes[BATCH];
    bool in_doubt;
    size_t n = 0;

    enum db_status status = claim_begin(lane->db, &request, &arena, &claim, &lane->error);
    if (status == DB_OK && claim.count > 0)
        status = claim_commit(lane->db, &request, &claim, lane->token++, LEASE_US, &in_doubt,
                              &lane->error);
    for (size_t i = 0; status == DB_OK && i < claim.count; i++) {
        outcomes[n] = fixture_outcome(&claim.items[i].job, outcome_kind_of(&claim.items[i].job));
        outcomes[n++].delay_us = 0;
    }
    if (status == DB_OK)
        status = settle(lane, outcomes, n);
    if (status == DB_OK)
        status = insert(lane, (int) n);
    arena_done(&arena);
    return status;
}

static void *run_lane(void *arg)
{
    struct lane *lane = arg;
    db_thread_init();
    while (to_do > 0 && !failed) {
        lane->status = run_batch(lane);
        if (lane->status != DB_OK)
            failed = true;
    }
    db_thread_done();
    return NULL;
}

static int by_value(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *) a, y = *(const uint64_t *) b;
    return x < y ? -1 : x > y;
}

/* All lanes together have done each of the jobs once. */
static void expect_each_once(const struct lane *lanes, int count)
{
    static uint64_t ids[LANES_MOST * JOBS];
    size_t n = 0;
    for (int i = 0; i < count; i++) {
        memcpy(ids + n, lanes[i].done, lanes[i].done_count * sizeof *ids);
        n += lanes[i].done_count;
    }
    assert_int_equal(n, JOBS);
    qsort(ids, n, sizeof *ids, by_value);
    for (size_t i = 1; i < n; i++)
        assert_int_not_equal(ids[i - 1], ids[i]);
    assert_int_equal(sql_u64(f.admin, "SELECT COUNT(*) FROM dueq_job"), 0);
}

static void run(int lane_count, int table_size)
{
    static struct lane lanes[LANES_MOST];

    clear(NULL);
    memset(lanes, 0, sizeof lanes);
    const uint64_t before = deadlocks();
    to_insert = JOBS;
    to_do = JOBS;
    failed = false;
    for (int i = 0; i < lane_count; i++) {
        lanes[i].db = fixture_open(&f);
        lanes[i].producer = fixture_open_as(&f, &f.database->producer);
        lanes[i].token = (uint64_t) (i + 1) << 32;
    }
    expect_status(insert(&lanes[0], table_size), DB_OK, lanes[0].error);
    for (int i = 0; i < lane_count; i++)
        assert_int_equal(thread_start(&lanes[i].thread, "lane", run_lane, &lanes[i]), 0);
    for (int i = 0; i < lane_count; i++)
        pthread_join(lanes[i].thread, NULL);
    for (int i = 0; i < lane_count; i++) {
        db_close(lanes[i].db);
        db_close(lanes[i].producer);
    }
    for (int i = 0; i < lane_count; i++)
        expect_status(lanes[i].status, DB_OK, lanes[i].error);
    assert_int_equal(deadlocks() - before, 0);
    expect_each_once(lanes, lane_count);
}

static void the_count_of_deadlocks_is_there(void **state)
{
    (void) state;
    (void) deadlocks();
}

static void two_lanes_on_30_rows_do_each_job_once_without_a_deadlock(void **state)
{
    (void) state;
    run(2, 30);
}

static void four_lanes_on_30_rows(void **state)
{
    (void) state;
    run(4, 30);
}

static void eight_lanes_on_30_rows(void **state)
{
    (void) state;
    run(8, 30);
}

static void two_lanes_on_200_rows(void **state)
{
    (void) state;
    run(2, 200);
}

static void four_lanes_on_200_rows(void **state)
{
    (void) state;
    run(4, 200);
}

static void eight_lanes_on_200_rows(void **state)
{
    (void) state;
    run(8, 200);
}

static void two_lanes_on_1000_rows(void **state)
{
    (void) state;
    run(2, 1000);
}

static void four_lanes_on_1000_rows(void **state)
{
    (void) state;
    run(4, 1000);
}

static void eight_lanes_on_1000_rows(void **state)
{
    (void) state;
    run(8, 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_count_of_deadlocks_is_there),
        cmocka_unit_test(two_lanes_on_30_rows_do_each_job_once_without_a_deadlock),
        cmocka_unit_test(four_lanes_on_30_rows),
        cmocka_unit_test(eight_lanes_on_30_rows),
        cmocka_unit_test(two_lanes_on_200_rows),
        cmocka_unit_test(four_lanes_on_200_rows),
        cmocka_unit_test(eight_lanes_on_200_rows),
        cmocka_unit_test(two_lanes_on_1000_rows),
        cmocka_unit_test(four_lanes_on_1000_rows),
        cmocka_unit_test(eight_lanes_on_1000_rows),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
