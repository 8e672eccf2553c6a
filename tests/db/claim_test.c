#include "claim.h"

#include <string.h>

#include "fixture.h"
#include "thread.h"

/* What a claim takes, in which order, and what it leaves in the row. */

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

static void expect_ids(const struct claim *claim, const uint64_t *ids, size_t count)
{
    assert_int_equal(claim->count, count);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(claim->items[i].job.id, ids[i]);
}

static void nothing_due_leaves_no_transaction_open(void **state)
{
    (void) state;
    struct error error = { "" };
    struct claim claim = fixture_begin(&f, 10);
    assert_int_equal(claim.count, 0);
    assert_false(claim.full);
    /* What is written now is seen, and committed, at once. */
    expect_status(db_run(f.db,
                         "INSERT INTO dueq_error (job_id, attempt, worker, message)"
                         " VALUES (1, 1, '', '')",
                         &error),
                  DB_OK, error);
    assert_int_equal(sql_u64(f.admin, "SELECT COUNT(*) FROM dueq_error"), 1);
}

static void only_what_is_due_is_claimed(void **state)
{
    (void) state;
    sql_run(f.admin, "INSERT INTO dueq_job (id, kind, payload, next_run_at) VALUES"
                     " (1, 'k', '', NOW(6) + INTERVAL 1 HOUR), (2, 'k', '', NOW(6)),"
                     " (3, 'k', '', NOW(6) - INTERVAL 1 HOUR), (4, 'k', '', '2037-12-31')");
    struct claim claim = fixture_lease(&f, 2, 7);
    expect_ids(&claim, (const uint64_t[]){ 3, 2 }, 2);
    assert_int_equal(fixture_begin(&f, 10).count, 0);
}

static void a_delay_ends_by_itself(void **state)
{
    (void) state;
    sql_run(f.admin, "INSERT INTO dueq_job (id, kind, payload, next_run_at)"
                     " VALUES (1, 'k', '', NOW(6) + INTERVAL 1 SECOND)");
    const struct claim_request request = fixture_request(10);
    struct claim claim = { 0 };
    struct error error = { "" };
    while (claim.count == 0) /* ctest's limit is the limit */
        expect_status(claim_begin(f.db, &request, &f.arena, &claim, &error), DB_OK, error);
    assert_int_equal(claim.items[0].job.id, 1);
    assert_true(claim.items[0].job.claimed_at_us >= claim.items[0].job.due_at_us);
}

static void the_order_is_that_of_next_run_at_and_then_of_id(void **state)
{
    (void) state;
    sql_run(f.admin, "SET @t = NOW(6) - INTERVAL 1 MINUTE;"
                     "INSERT INTO dueq_job (id, kind, payload, next_run_at) VALUES"
                     " (5, 'k', '', @t), (3, 'k', '', @t), (9, 'k', '', @t),"
                     " (7, 'k', '', @t + INTERVAL 1 MICROSECOND),"
                     " (1, 'k', '', @t + INTERVAL 1 SECOND),"
                     " (8, 'k', '', @t - INTERVAL 1 MICROSECOND)");
    struct claim claim = fixture_lease(&f, 6, 7);
    expect_ids(&claim, (const uint64_t[]){ 8, 3, 5, 9, 7, 1 }, 6);
}

static void another_queue_and_another_priority_are_left_alone(void **state)
{
    (void) state;
    sql_run(f.admin, "INSERT INTO dueq_job (id, queue, kind, payload, priority) VALUES"
                     " (1, 'default', 'k', '', 4), (2, 'default', 'k', '', 5),"
                     " (3, 'default', 'k', '', 6), (4, 'Default', 'k', '', 5),"
                     " (5, 'defaul', 'k', '', 5), (6, 'default2', 'k', '', 5)");
    struct claim claim = fixture_lease(&f, 1, 7);
    expect_ids(&claim, (const uint64_t[]){ 2 }, 1);
    assert_int_equal(fixture_begin(&f, 10).count, 0);

    struct claim_request request = fixture_request(10);
    struct error error = { "" };
    request.priority = 4;
    expect_status(claim_begin(f.db, &request, &f.arena, &claim, &error), DB_OK, error);
    expect_ids(&claim, (const uint64_t[]){ 1 }, 1);
    assert_int_equal(claim.items[0].job.priority, 4);
}

static void a_full_claim_says_that_there_may_be_more(void **state)
{
    (void) state;
    fixture_insert(&f, 5);
    struct claim claim = fixture_begin(&f, 3);
    assert_int_equal(claim.count, 3);
    assert_true(claim.full);
    fixture_commit(&f, &claim, 1);
    claim = fixture_begin(&f, 3);
    assert_int_equal(claim.count, 2);
    assert_false(claim.full);
}

static void a_job_comes_with_all_that_its_row_says(void **state)
{
    (void) state;
    sql_run(f.admin,
            "INSERT INTO dueq_job (id, kind, payload, headers, attempts, max_attempts, retry,"
            " unique_key, created_at, next_run_at) VALUES (18446744073709551000, 'order.paid',"
            " '{\"order\":42}', '{\"a\": \"\xf0\x9f\x98\x80\"}', 3, 9, 'wechatpay',"
            " 'key \xc3\xa9', '2024-05-06 07:08:09.000010', '2024-05-06 07:08:10.123456')");
    struct claim claim = fixture_lease(&f, 1, UINT64_MAX);
    const struct job *job = &claim.items[0].job;
    assert_int_equal(claim.items[0].verdict, CLAIM_RUN);
    assert_true(job->id == UINT64_C(18446744073709551000));
    assert_string_equal(job->kind, "order.paid");
    assert_string_equal(job->payload, "{\"order\":42}");
    assert_int_equal(job->payload_len, strlen("{\"order\":42}"));
    assert_string_equal(job->headers, "{\"a\": \"\xf0\x9f\x98\x80\"}");
    assert_int_equal(job->headers_len, strlen(job->headers));
    assert_int_equal(job->attempts, 4);
    assert_int_equal(job->max_attempts, 9);
    assert_string_equal(job->retry, "wechatpay");
    assert_string_equal(job->unique_key, "key \xc3\xa9");
    assert_int_equal(job->unique_key_len, strlen("key \xc3\xa9"));
    assert_int_equal(job->state, JOB_READY);
    assert_int_equal(job->priority, 5);
    assert_true(job->lease == UINT64_MAX);
    assert_int_equal(job->expired_lease, 0);
    assert_int_equal(job->created_at_us, INT64_C(1714979289000010));
    assert_int_equal(job->due_at_us, INT64_C(1714979290123456));
    assert_int_equal(sql_u64(f.admin, "SELECT lease = 18446744073709551615 AND attempts = 4"
                                      " FROM dueq_job"),
                     1);
}

static void what_a_producer_left_out_is_null_and_zero(void **state)
{
    (void) state;
    sql_run(f.admin, "INSERT INTO dueq_job (kind, payload) VALUES ('k', '')");
    struct claim claim = fixture_lease(&f, 1, 1);
    const struct job *job = &claim.items[0].job;
    assert_string_equal(job->payload, "");
    assert_int_equal(job->payload_len, 0);
    assert_null(job->headers);
    assert_int_equal(job->headers_len, 0);
    assert_null(job->retry);
    assert_null(job->unique_key);
    assert_int_equal(job->max_attempts, 0);
    assert_int_equal(job->attempts, 1);
}

static void an_attempt_is_charged_with_the_commit_and_not_before(void **state)
{
    (void) state;
    struct error error = { "" };
    fixture_insert(&f, 1);
    struct claim claim = fixture_begin(&f, 1);
    assert_int_equal(claim.items[0].job.attempts, 0);
    assert_int_equal(sql_u64(f.admin, "SELECT attempts FROM dueq_job"), 0);
    expect_status(claim_cancel(f.db, &error), DB_OK, error);
    assert_int_equal(sql_u64(f.admin, "SELECT COUNT(*) FROM dueq_job"
                                      " WHERE attempts = 0 AND lease IS NULL"),
                     1);

    claim = fixture_lease(&f, 1, 7);
    assert_int_equal(claim.items[0].job.attempts, 1);
    assert_int_equal(claim.items[0].job.lease, 7);
    assert_int_equal(sql_u64(f.admin,
                             "SELECT COUNT(*) FROM dueq_job WHERE attempts = 1 AND lease = 7"
                             " AND next_run_at > NOW(6) + INTERVAL 50 SECOND"
                             " AND next_run_at <= NOW(6) + INTERVAL 60 SECOND"),
                     1);
}

static void a_row_that_is_locked_is_passed_over(void **state)
{
    (void) state;
    fixture_insert(&f, 3);
    uint64_t second = sql_u64(f.admin, "SELECT MIN(id) + 1 FROM dueq_job");
    sql_run(f.admin, "BEGIN; SELECT 1 FROM dueq_job WHERE id = %llu FOR UPDATE",
            (unsigned long long) second);
    struct claim claim = fixture_lease(&f, 2, 1);
    assert_int_not_equal(claim.items[0].job.id, second);
    assert_int_not_equal(claim.items[1].job.id, second);
    sql_run(f.admin, "ROLLBACK");
    claim = fixture_lease(&f, 1, 2);
    assert_int_equal(claim.items[0].job.id, second);
}

static void each_verdict_does_what_it_says_and_nothing_to_the_others(void **state)
{
    (void) state;
    static const char message[] = "no \"attempt\" left: \xf0\x9f\x98\x80 it's over \\";
    sql_run(f.admin, "INSERT INTO dueq_job (id, kind, payload, attempts) VALUES"
                     " (1, 'k', 'a', 2), (2, 'k', 'b', 2), (3, 'k', 'c', 2), (4, 'k', 'd', 2),"
                     " (5, 'k', 'e', 2)");
    struct claim claim = fixture_begin(&f, 10);
    assert_int_equal(claim.count, 5);
    claim.items[1].verdict = CLAIM_PUT_OFF;
    claim.items[1].put_off_us = 600 * INT64_C(1000000);
    claim.items[2].verdict = CLAIM_RELEASE;
    claim.items[3].verdict = CLAIM_DEAD;
    claim.items[3].reason = DEAD_EXHAUSTED;
    claim.items[3].message = message;
    fixture_commit(&f, &claim, 7);

    assert_int_equal(sql_u64(f.admin, "SELECT COUNT(*) FROM dueq_job WHERE id IN (1, 5)"
                                      " AND attempts = 3 AND lease = 7"),
                     2);
    assert_int_equal(sql_u64(f.admin,
                             "SELECT COUNT(*) FROM dueq_job WHERE id = 2"
                             " AND attempts = 2 AND lease IS NULL AND next_run_at BETWEEN"
                             " NOW(6) + INTERVAL 500 SECOND AND NOW(6) + INTERVAL 10 MINUTE"),
                     1);
    assert_int_equal(sql_u64(f.admin, "SELECT COUNT(*) FROM dueq_job WHERE id = 3"
                                      " AND attempts = 2 AND lease IS NULL"
                                      " AND next_run_at <= NOW(6)"),
                     1);
    assert_int_equal(sql_u64(f.admin, "SELECT COUNT(*) FROM dueq_job WHERE id = 4"), 0);
    assert_int_equal(sql_u64(f.admin,
                             "SELECT COUNT(*) FROM dueq_dead WHERE id = 4"
                             " AND reason = 'exhausted' AND attempts = 2 AND payload = 'd'"),
                     1);
    char *stored = sql_text(f.admin, "SELECT message FROM dueq_dead");
    assert_string_equal(stored, message);
    free(stored);
    assert_int_equal(sql_u64(f.admin, "SELECT COUNT(*) FROM dueq_error"), 0);
    assert_int_equal(claim.items[1].job.attempts, 2);
}

static void a_lease_that_expires_is_recorded_and_claimed_again(void **state)
{
    (void) state;
    fixture_insert(&f, 2);
    fixture_lease(&f, 2, 41);
    assert_int_equal(fixture_begin(&f, 10).count, 0);
    sql_run(f.admin, "UPDATE dueq_job SET next_run_at = NOW(6) ORDER BY id LIMIT 1");

    struct claim claim = fixture_begin(&f, 10);
    assert_int_equal(claim.count, 1);
    assert_int_equal(claim.items[0].job.expired_lease, 41);
    assert_int_equal(claim.items[0].job.attempts, 1);
    fixture_commit(&f, &claim, 42);
    assert_int_equal(claim.items[0].job.attempts, 2);
    assert_int_equal(claim.items[0].job.lease, 42);
    assert_int_equal(sql_u64(f.admin,
                             "SELECT COUNT(*) FROM dueq_job WHERE id = %llu"
                             " AND attempts = 2 AND lease = 42",
                             (unsigned long long) claim.items[0].job.id),
                     1);
    assert_int_equal(sql_u64(f.admin,
                             "SELECT COUNT(*) FROM dueq_error WHERE job_id = %llu"
                             " AND attempt = 1 AND worker = '" WORKER "'"
                             " AND message LIKE 'the lease ran out%%'",
                             (unsigned long long) claim.items[0].job.id),
                     1);
    assert_int_equal(sql_u64(f.admin, "SELECT COUNT(*) FROM dueq_error"), 1);
}

static void an_expired_lease_is_recorded_unless_the_job_is_left_to_it(void **state)
{
    (void) state;
    enum { PUT_OFF, DEAD, RELEASE, KEEP, COUNT };
    fixture_insert(&f, COUNT);
    fixture_lease(&f, COUNT, 41);
    sql_run(f.admin, "UPDATE dueq_job SET next_run_at = NOW(6)");
    struct claim claim = fixture_begin(&f, COUNT);
    claim.items[PUT_OFF].verdict = CLAIM_PUT_OFF;
    claim.items[PUT_OFF].put_off_us = LEASE_US;
    claim.items[DEAD].verdict = CLAIM_DEAD;
    claim.items[DEAD].reason = DEAD_EXPIRED;
    claim.items[DEAD].message = "its last attempt";
    claim.items[RELEASE].verdict = CLAIM_RELEASE;
    claim.items[KEEP].verdict = CLAIM_KEEP;
    claim.items[KEEP].put_off_us = LEASE_US;
    fixture_commit(&f, &claim, 42);

    assert_int_equal(sql_u64(f.admin,
                             "SELECT COUNT(*) FROM dueq_error WHERE attempt = 1"
                             " AND job_id IN (%llu, %llu)",
                             (unsigned long long) claim.items[PUT_OFF].job.id,
                             (unsigned long long) claim.items[DEAD].job.id),
                     2);
    assert_int_equal(sql_u64(f.admin, "SELECT COUNT(*) FROM dueq_error"), 2);
    assert_int_equal(sql_u64(f.admin, "SELECT COUNT(*) FROM dueq_dead WHERE reason = 'expired'"
                                      " AND attempts = 1"),
                     1);
    assert_int_equal(sql_u64(f.admin,
                             "SELECT COUNT(*) FROM dueq_job WHERE lease = 41"
                             " AND attempts = 1 AND next_run_at > NOW(6) AND id = %llu",
                             (unsigned long long) claim.items[KEEP].job.id),
                     1);
    claim = fixture_lease(&f, 1, 43); /* the released one */
    assert_int_equal(claim.items[0].job.expired_lease, 41);
}

static void a_connection_lost_before_the_commit_leaves_the_rows_as_they_were(void **state)
{
    (void) state;
    struct error error = { "" };
    fixture_insert(&f, 2);
    struct claim claim = fixture_begin(&f, 10);
    sql_run(f.admin, "KILL %llu", (unsigned long long) db_connection_id(f.db));
    const struct claim_request request = fixture_request(10);
    bool in_doubt = true;
    expect_status(claim_commit(f.db, &request, &claim, 7, LEASE_US, &in_doubt, &error), DB_LOST,
                  error);
    assert_false(in_doubt);
    db_close(f.db);
    f.db = fixture_open(&f);
    sql_wait_until(f.admin, LIMIT_S, /* the server frees the rows when it notices */
                   "SELECT COUNT(*) = 2 FROM (SELECT id FROM dueq_job WHERE attempts = 0"
                   " AND lease IS NULL FOR UPDATE SKIP LOCKED) free");
    fixture_lease(&f, 2, 8);
}

int main(void)
{
#define EACH(test) cmocka_unit_test_setup(test, clear)
    const struct CMUnitTest tests[] = {
        EACH(nothing_due_leaves_no_transaction_open),
        EACH(only_what_is_due_is_claimed),
        EACH(a_delay_ends_by_itself),
        EACH(the_order_is_that_of_next_run_at_and_then_of_id),
        EACH(another_queue_and_another_priority_are_left_alone),
        EACH(a_full_claim_says_that_there_may_be_more),
        EACH(a_job_comes_with_all_that_its_row_says),
        EACH(what_a_producer_left_out_is_null_and_zero),
        EACH(an_attempt_is_charged_with_the_commit_and_not_before),
        EACH(a_row_that_is_locked_is_passed_over),
        EACH(each_verdict_does_what_it_says_and_nothing_to_the_others),
        EACH(a_lease_that_expires_is_recorded_and_claimed_again),
        EACH(an_expired_lease_is_recorded_unless_the_job_is_left_to_it),
        EACH(a_connection_lost_before_the_commit_leaves_the_rows_as_they_were),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
