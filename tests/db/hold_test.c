#include "claim_commit.h"

#include <string.h>

#include "fixture.h"

/* Jobs that run under the lock of their row: what the claim's own transaction writes of them, and
 * what may still be written once the lock is lost. */

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

/* What came of the attempt that the row is claimed for and that is not charged yet. */
static struct outcome held_outcome(const struct job *job, enum outcome_kind kind)
{
    struct outcome outcome = fixture_outcome(job, kind);
    outcome.lease = 0;
    outcome.attempt = job->attempts + 1;
    outcome.due_at_us = job->due_at_us;
    return outcome;
}

static void say(struct claimed *item, enum outcome_kind kind)
{
    item->verdict = CLAIM_SETTLE;
    item->outcome = held_outcome(&item->job, kind);
}

static uint64_t jobs(const char *condition)
{
    return sql_u64(f.admin, "SELECT COUNT(*) FROM dueq_job WHERE %s", condition);
}

static struct claim claim_third_attempts(size_t count)
{
    fixture_insert(&f, count);
    sql_run(f.admin, "UPDATE dueq_job SET attempts = 2");
    struct claim claim = fixture_begin(&f, (uint32_t) count);
    assert_int_equal(claim.count, count);
    return claim;
}

static void each_outcome_is_written_by_the_transaction_that_claimed(void **state)
{
    (void) state;
    struct claim claim = claim_third_attempts(6);
    say(&claim.items[0], OUTCOME_DONE);
    say(&claim.items[1], OUTCOME_RETRY);
    say(&claim.items[2], OUTCOME_SNOOZE);
    say(&claim.items[3], OUTCOME_DEAD);
    claim.items[4].verdict = CLAIM_RELEASE; /* it was never begun */
    claim.items[5].verdict = CLAIM_RUN;     /* it runs still */
    fixture_commit(&f, &claim, 7);

    assert_int_equal(jobs("1"), 4);
    const uint64_t retried = claim.items[1].job.id, dead = claim.items[3].job.id;
    assert_int_equal(sql_u64(f.admin,
                             "SELECT COUNT(*) FROM dueq_job WHERE id = %llu AND attempts = 3 AND"
                             " lease IS NULL AND next_run_at > NOW(6) + INTERVAL 59 MINUTE",
                             (unsigned long long) retried),
                     1);
    assert_int_equal(jobs("attempts = 2 AND lease IS NULL AND next_run_at > NOW(6) +"
                          " INTERVAL 59 MINUTE"),
                     1);
    assert_int_equal(jobs("attempts = 2 AND lease IS NULL AND next_run_at <= NOW(6)"), 1);
    assert_int_equal(jobs("attempts = 3 AND lease = 7"), 1);
    assert_int_equal(claim.items[5].job.attempts, 3);
    assert_true(claim.items[5].job.lease == 7);
    assert_int_equal(sql_u64(f.admin,
                             "SELECT COUNT(*) FROM dueq_dead WHERE id = %llu AND attempts = 3 AND"
                             " reason = 'handler' AND message = 'it did not work'",
                             (unsigned long long) dead),
                     1);
    assert_int_equal(sql_u64(f.admin,
                             "SELECT COUNT(*) FROM dueq_error WHERE attempt = 3 AND job_id IN"
                             " (%llu, %llu)",
                             (unsigned long long) retried, (unsigned long long) dead),
                     2);
    assert_int_equal(sql_u64(f.admin, "SELECT COUNT(*) FROM dueq_error"), 2);
}

static void nobody_else_can_claim_what_is_held_nor_sees_a_lease_on_it(void **state)
{
    (void) state;
    struct claim claim = claim_third_attempts(2);
    struct db *own = f.db;
    f.db = fixture_open(&f);
    assert_int_equal(fixture_begin(&f, 10).count, 0);
    assert_int_equal(jobs("lease IS NULL AND attempts = 2"), 2);
    db_close(f.db);
    f.db = own;
    say(&claim.items[0], OUTCOME_DONE);
    say(&claim.items[1], OUTCOME_DONE);
    fixture_commit(&f, &claim, 7);
    assert_int_equal(jobs("1"), 0);
}

static void a_connection_that_dies_sets_free_what_it_held(void **state)
{
    (void) state;
    claim_third_attempts(2);
    db_close(f.db);
    f.db = fixture_open(&f);
    struct claim claim = { .count = 0 };
    while (claim.count < 2) /* the server may be a moment behind; ctest's limit is the limit */
        claim = fixture_begin(&f, 10);
    assert_int_equal(claim.items[0].job.attempts, 2);
    assert_int_equal(sql_u64(f.admin, "SELECT COUNT(*) FROM dueq_error"), 0);
}

static enum settle_result settle_unlocked(const char *meanwhile, enum outcome_kind kind)
{
    struct error error = { "" };
    struct claim claim = claim_third_attempts(1);
    struct outcome outcome = held_outcome(&claim.items[0].job, kind);
    expect_status(claim_cancel(f.db, &error), DB_OK, error);
    if (meanwhile)
        sql_run(f.admin, "%s", meanwhile);
    return fixture_settle_one(&f, outcome);
}

static void an_outcome_whose_lock_was_lost_is_written_while_the_row_is_as_it_was(void **state)
{
    (void) state;
    assert_int_equal(settle_unlocked(NULL, OUTCOME_RETRY), SETTLE_DONE);
    assert_int_equal(jobs("attempts = 3 AND lease IS NULL AND next_run_at > NOW(6)"), 1);
    assert_int_equal(sql_u64(f.admin, "SELECT attempt FROM dueq_error"), 3);
    fixture_clear(&f);
    assert_int_equal(settle_unlocked(NULL, OUTCOME_DONE), SETTLE_DONE);
    assert_int_equal(jobs("1"), 0);
    assert_int_equal(settle_unlocked(NULL, OUTCOME_DEAD), SETTLE_DONE);
    assert_int_equal(sql_u64(f.admin, "SELECT attempts FROM dueq_dead"), 3);
}

static void an_outcome_whose_lock_was_lost_is_refused_once_somebody_touched_the_row(void **state)
{
    (void) state;
    static const char *const touches[] = {
        "UPDATE dueq_job SET lease = 9, attempts = 3",
        "UPDATE dueq_job SET attempts = 3",
        "UPDATE dueq_job SET attempts = 0, payload = 'new', next_run_at = NOW(6)",
        "UPDATE dueq_job SET next_run_at = next_run_at + INTERVAL 1 MICROSECOND",
        "DELETE FROM dueq_job",
    };
    for (size_t i = 0; i < sizeof touches / sizeof *touches; i++) {
        assert_int_equal(settle_unlocked(touches[i], OUTCOME_DONE), SETTLE_FENCED);
        assert_int_equal(jobs("1"), i + 1 < sizeof touches / sizeof *touches);
        fixture_clear(&f);
    }
}

static void an_outcome_whose_row_another_transaction_holds_waits(void **state)
{
    (void) state;
    struct error error = { "" };
    struct claim claim = claim_third_attempts(1);
    struct outcome outcome = held_outcome(&claim.items[0].job, OUTCOME_DONE);
    expect_status(claim_cancel(f.db, &error), DB_OK, error);
    sql_run(f.admin, "BEGIN; SELECT id FROM dueq_job FOR UPDATE");
    assert_int_equal(fixture_settle_one(&f, outcome), SETTLE_LATER);
    sql_run(f.admin, "ROLLBACK");
    assert_int_equal(fixture_settle_one(&f, outcome), SETTLE_DONE);
}

static void leased_and_unlocked_outcomes_go_in_one_settle(void **state)
{
    (void) state;
    struct error error = { "" };
    struct claim claim = claim_third_attempts(2);
    struct outcome outcomes[2] = { held_outcome(&claim.items[0].job, OUTCOME_RETRY) };
    claim.items[0].verdict = CLAIM_RELEASE;
    fixture_commit(&f, &claim, 7);
    outcomes[1] = fixture_outcome(&claim.items[1].job, OUTCOME_RETRY);
    expect_status(settle_outcomes(f.db, WORKER, outcomes, 2, &error), DB_OK, error);
    assert_int_equal(outcomes[0].result, SETTLE_DONE);
    assert_int_equal(outcomes[1].result, SETTLE_DONE);
    assert_int_equal(jobs("attempts = 3 AND lease IS NULL"), 2);
}

static void a_claim_begins_at_its_watermark(void **state)
{
    (void) state;
    struct error error = { "" };
    sql_run(f.admin, "INSERT INTO dueq_job (id, kind, payload, next_run_at) VALUES"
                     " (1, 'k', '', '2026-01-01 00:00:00.000001'),"
                     " (2, 'k', '', '2026-01-01 00:00:00.000002'),"
                     " (3, 'k', '', '2026-01-01 00:00:00.000003')");
    struct claim_request request = fixture_request(10);
    struct probe_request look = { .queue = "default" };
    struct probe probe;
    struct claim claim;
    request.from_us = look.from_us[5] = INT64_C(1767225600000002);
    expect_status(claim_begin(f.db, &request, &f.arena, &claim, &error), DB_OK, error);
    assert_int_equal(claim.count, 2);
    assert_int_equal(claim.items[0].job.id, 2);
    expect_status(probe_queues(f.db, &look, 1, &probe, &error), DB_OK, error);
    assert_true(probe.due[5] && probe.first_us[5] == INT64_C(1767225600000002));
    probe = fixture_probe(&f, "default");
    assert_true(probe.first_us[5] == INT64_C(1767225600000001));
    look.after_us = INT64_C(1767225600000002); /* what is held stands in nobody's sight */
    expect_status(probe_queues(f.db, &look, 1, &probe, &error), DB_OK, error);
    assert_true(probe.due[5] && probe.first_us[5] == INT64_C(1767225600000003));
    assert_true(probe.now_us > INT64_C(1767225600000003));
}

int main(void)
{
#define test(name) cmocka_unit_test_setup(name, clear)
    const struct CMUnitTest tests[] = {
        test(each_outcome_is_written_by_the_transaction_that_claimed),
        test(nobody_else_can_claim_what_is_held_nor_sees_a_lease_on_it),
        test(a_connection_that_dies_sets_free_what_it_held),
        test(an_outcome_whose_lock_was_lost_is_written_while_the_row_is_as_it_was),
        test(an_outcome_whose_lock_was_lost_is_refused_once_somebody_touched_the_row),
        test(an_outcome_whose_row_another_transaction_holds_waits),
        test(leased_and_unlocked_outcomes_go_in_one_settle),
        test(a_claim_begins_at_its_watermark),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
