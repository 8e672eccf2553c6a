#include "settle.h"

#include <string.h>

#include "fixture.h"
#include "lease_token.h"

/* What each outcome leaves behind. The fences have a test of their own, and so have the locks of
 * others. */

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

static uint64_t jobs(const char *condition)
{
    return sql_u64(f.admin, "SELECT COUNT(*) FROM dueq_job WHERE %s", condition);
}

/* One job, leased for its third attempt, and its outcome settled. */
static uint64_t settle_third_attempt(enum outcome_kind kind)
{
    sql_run(f.admin, "INSERT INTO dueq_job (kind, payload, attempts) VALUES ('k', 'p', 2)");
    struct claim claim = fixture_lease(&f, 1, 7);
    assert_int_equal(claim.items[0].job.attempts, 3);
    assert_int_equal(fixture_settle_one(&f, fixture_outcome(&claim.items[0].job, kind)),
                     SETTLE_DONE);
    return claim.items[0].job.id;
}

static void nothing_to_settle_is_no_statement(void **state)
{
    (void) state;
    uint64_t before = db_statement_count(f.db);
    fixture_settle(&f, NULL, 0);
    assert_int_equal(db_statement_count(f.db), before);
}

static void a_job_that_is_done_is_gone(void **state)
{
    (void) state;
    settle_third_attempt(OUTCOME_DONE);
    assert_int_equal(jobs("1"), 0);
    assert_int_equal(sql_u64(f.admin, "SELECT COUNT(*) FROM dueq_error"), 0);
    assert_int_equal(sql_u64(f.admin, "SELECT COUNT(*) FROM dueq_dead"), 0);
}

static void a_failed_attempt_is_recorded_and_the_job_waits(void **state)
{
    (void) state;
    uint64_t id = settle_third_attempt(OUTCOME_RETRY);
    assert_int_equal(jobs("attempts = 3 AND lease IS NULL AND state = 'ready' AND payload = 'p'"
                          " AND next_run_at BETWEEN NOW(6) + INTERVAL 59 MINUTE"
                          " AND NOW(6) + INTERVAL 1 HOUR"),
                     1);
    assert_int_equal(sql_u64(f.admin,
                             "SELECT COUNT(*) FROM dueq_error WHERE job_id = %llu"
                             " AND attempt = 3 AND worker = '" WORKER "'"
                             " AND message = 'it did not work'",
                             (unsigned long long) id),
                     1);
    sql_run(f.admin, "UPDATE dueq_job SET next_run_at = NOW(6) WHERE lease IS NULL");
    assert_int_equal(fixture_lease(&f, 1, 8).items[0].job.attempts, 4);
    assert_int_equal(sql_u64(f.admin, "SELECT COUNT(*) FROM dueq_error"), 1);
}

static void a_snoozed_job_waits_uncharged(void **state)
{
    (void) state;
    settle_third_attempt(OUTCOME_SNOOZE);
    assert_int_equal(jobs("attempts = 2 AND lease IS NULL AND next_run_at BETWEEN"
                          " NOW(6) + INTERVAL 59 MINUTE AND NOW(6) + INTERVAL 1 HOUR"),
                     1);
    assert_int_equal(sql_u64(f.admin, "SELECT COUNT(*) FROM dueq_error"), 0);
}

static void a_released_job_is_due_at_once_and_uncharged(void **state)
{
    (void) state;
    settle_third_attempt(OUTCOME_RELEASE);
    assert_int_equal(jobs("attempts = 2 AND lease IS NULL AND next_run_at <= NOW(6)"), 1);
    assert_int_equal(sql_u64(f.admin, "SELECT COUNT(*) FROM dueq_error"), 0);
    assert_int_equal(fixture_lease(&f, 1, 8).items[0].job.attempts, 3);
}

static void a_suspect_is_due_at_once_uncharged_and_seen_as_such_by_the_next_claim(void **state)
{
    (void) state;
    settle_third_attempt(OUTCOME_SUSPECT);
    assert_int_equal(jobs("attempts = 2 AND lease = 1 AND next_run_at <= NOW(6)"), 1);
    struct claim claim = fixture_lease(&f, 1, 8);
    assert_int_equal(claim.items[0].job.attempts, 3);
    assert_int_equal(claim.items[0].job.expired_lease, lease_token_suspect());
    assert_int_equal(sql_u64(f.admin, "SELECT COUNT(*) FROM dueq_error"), 0);
}

static void a_lease_that_is_ended_counts_as_one_that_ran_out(void **state)
{
    (void) state;
    settle_third_attempt(OUTCOME_EXPIRE);
    assert_int_equal(jobs("attempts = 3 AND lease = 7 AND next_run_at <= NOW(6)"), 1);
    struct claim claim = fixture_lease(&f, 1, 8);
    assert_int_equal(claim.items[0].job.attempts, 4);
    assert_int_equal(sql_u64(f.admin, "SELECT COUNT(*) FROM dueq_error WHERE attempt = 3"), 1);
}

static void an_attempt_is_never_refunded_below_none(void **state)
{
    (void) state;
    fixture_insert(&f, 1);
    struct claim claim = fixture_lease(&f, 1, 7);
    struct outcome outcome = fixture_outcome(&claim.items[0].job, OUTCOME_SNOOZE);
    sql_run(f.admin, "UPDATE dueq_job SET attempts = 0");
    outcome.attempt = 0;
    assert_int_equal(fixture_settle_one(&f, outcome), SETTLE_DONE);
    assert_int_equal(jobs("attempts = 0"), 1);
}

static void a_dead_letter_has_the_whole_row_and_its_errors_stay(void **state)
{
    (void) state;
    static const char message[] =
        "he said \"no\"; it's \\ over \xf0\x9f\x98\x80\n\tline 2 \xc3\xa9";
    sql_run(f.admin,
            "INSERT INTO dueq_job (id, queue, kind, payload, headers, priority, next_run_at,"
            " attempts, max_attempts, retry, unique_key, ordering_key, created_at) VALUES"
            " (77, 'default', 'order.paid', 'p\xf0\x9f\x98\x80', '{\"a\": 1}', 5,"
            " NOW(6) - INTERVAL 1 HOUR, 2, 3, 'wechatpay', 'u\xc3\xa9', 'o\xc3\xa9',"
            " '2024-01-02 03:04:05.000006');"
            "INSERT INTO dueq_error (job_id, attempt, worker, message)"
            " VALUES (77, 1, 'w', 'first'), (77, 2, 'w', 'second')");
    struct claim claim = fixture_lease(&f, 1, 7);
    struct outcome outcome = fixture_outcome(&claim.items[0].job, OUTCOME_DEAD);
    outcome.reason = DEAD_EXHAUSTED;
    outcome.message = message;
    outcome.message_len = sizeof message - 1;
    assert_int_equal(fixture_settle_one(&f, outcome), SETTLE_DONE);

    assert_int_equal(jobs("1"), 0);
    assert_int_equal(
        sql_u64(f.admin, "SELECT COUNT(*) FROM dueq_dead WHERE id = 77 AND queue = 'default'"
                         " AND kind = 'order.paid' AND payload = 'p\xf0\x9f\x98\x80'"
                         " AND headers LIKE '{\"a\": 1}' AND priority = 5 AND state = 'ready'"
                         " AND attempts = 3 AND max_attempts = 3 AND retry = 'wechatpay'"
                         " AND unique_key = 'u\xc3\xa9' AND ordering_key = 'o\xc3\xa9'"
                         " AND created_at = '2024-01-02 03:04:05.000006' AND reason = 'exhausted'"
                         " AND next_run_at > NOW(6) AND died_at <= NOW(6)"
                         " AND died_at > NOW(6) - INTERVAL 1 HOUR"),
        1);
    char *stored = sql_text(f.admin, "SELECT message FROM dueq_dead");
    assert_string_equal(stored, message);
    free(stored);
    stored = sql_text(f.admin, "SELECT message FROM dueq_error WHERE job_id = 77 AND attempt = 3");
    assert_string_equal(stored, message);
    free(stored);
    assert_int_equal(sql_u64(f.admin, "SELECT COUNT(*) FROM dueq_error WHERE job_id = 77"), 3);
    /* Its unique key is free again. */
    sql_run(f.admin, "INSERT INTO dueq_job (kind, payload, unique_key)"
                     " VALUES ('k', '', 'u\xc3\xa9')");
}

static void each_reason_has_its_name(void **state)
{
    (void) state;
    static const char *const names[] = { "handler", "exhausted", "expired", "cancelled",
                                         "invalid" };
    fixture_insert(&f, 5);
    struct claim claim = fixture_lease(&f, 5, 7);
    struct outcome outcomes[5];
    for (int i = 0; i < 5; i++) {
        outcomes[i] = fixture_outcome(&claim.items[i].job, OUTCOME_DEAD);
        outcomes[i].reason = (enum dead_reason) i;
    }
    fixture_settle(&f, outcomes, 5);
    for (int i = 0; i < 5; i++)
        assert_int_equal(sql_u64(f.admin,
                                 "SELECT COUNT(*) FROM dueq_dead WHERE id = %llu"
                                 " AND reason = '%s'",
                                 (unsigned long long) outcomes[i].id, names[i]),
                         1);
}

static void a_batch_of_every_kind_settles_each_as_it_says(void **state)
{
    (void) state;
    enum { COUNT = 25 }; /* five of each kind, in turn, every second one with a unique key */
    struct outcome outcomes[COUNT];
    for (int i = 1; i <= COUNT; i++)
        sql_run(f.admin,
                "INSERT INTO dueq_job (id, kind, payload, unique_key)"
                " VALUES (%d, 'k', '', IF(%d %% 2, NULL, 'key %d'))",
                i, i, i);
    struct claim claim = fixture_lease(&f, COUNT, 7);
    for (int i = 0; i < COUNT; i++) {
        const struct job *job = &claim.items[i].job;
        outcomes[i] = fixture_outcome(job, (enum outcome_kind)(job->id % 5));
    }
    fixture_settle(&f, outcomes, COUNT);
    for (int i = 0; i < COUNT; i++)
        assert_int_equal(outcomes[i].result, SETTLE_DONE);
    assert_int_equal(jobs("id % 5 IN (0, 3)"), 0); /* OUTCOME_DONE, OUTCOME_DEAD */
    assert_int_equal(jobs("id % 5 = 1 AND attempts = 1 AND lease IS NULL"
                          " AND next_run_at > NOW(6)"),
                     5);
    assert_int_equal(jobs("id % 5 = 2 AND attempts = 0 AND lease IS NULL"
                          " AND next_run_at > NOW(6)"),
                     5);
    assert_int_equal(jobs("id % 5 = 4 AND attempts = 0 AND lease IS NULL"
                          " AND next_run_at <= NOW(6)"),
                     5);
    assert_int_equal(sql_u64(f.admin, "SELECT COUNT(*) FROM dueq_dead WHERE id %% 5 = 3"), 5);
    assert_int_equal(
        sql_u64(f.admin, "SELECT COUNT(*) FROM dueq_error WHERE job_id %% 5 IN (1, 3)"), 10);
    assert_int_equal(sql_u64(f.admin, "SELECT COUNT(*) FROM dueq_error"), 10);
}

static void a_thousand_jobs_that_are_done_take_few_statements(void **state)
{
    (void) state;
    enum { COUNT = 1000 };
    static struct outcome outcomes[COUNT];
    fixture_insert(&f, COUNT);
    uint64_t before = db_statement_count(f.db);
    struct claim claim = fixture_lease(&f, COUNT, 7);
    assert_true(db_statement_count(f.db) - before <= 4);
    for (int i = 0; i < COUNT; i++)
        outcomes[i] = fixture_outcome(&claim.items[i].job, OUTCOME_DONE);
    before = db_statement_count(f.db);
    fixture_settle(&f, outcomes, COUNT);
    assert_true(db_statement_count(f.db) - before <= 4);
    assert_int_equal(jobs("1"), 0);
}

static void
an_outcome_that_comes_after_its_lease_ran_out_counts_if_nobody_took_the_job(void **state)
{
    (void) state;
    fixture_insert(&f, 1);
    struct claim claim = fixture_lease(&f, 1, 7);
    sql_run(f.admin, "UPDATE dueq_job SET next_run_at = NOW(6)");
    assert_int_equal(fixture_settle_one(&f, fixture_outcome(&claim.items[0].job, OUTCOME_DONE)),
                     SETTLE_DONE);
    assert_int_equal(jobs("1"), 0);
}

static void an_empty_message_is_kept_as_one(void **state)
{
    (void) state;
    fixture_insert(&f, 1);
    struct claim claim = fixture_lease(&f, 1, 7);
    struct outcome outcome = fixture_outcome(&claim.items[0].job, OUTCOME_DEAD);
    outcome.message = "";
    outcome.message_len = 0;
    assert_int_equal(fixture_settle_one(&f, outcome), SETTLE_DONE);
    assert_int_equal(sql_u64(f.admin, "SELECT message = '' FROM dueq_dead"), 1);
    assert_int_equal(sql_u64(f.admin, "SELECT message = '' FROM dueq_error"), 1);
}

int main(void)
{
#define EACH(test) cmocka_unit_test_setup(test, clear)
    const struct CMUnitTest tests[] = {
        EACH(nothing_to_settle_is_no_statement),
        EACH(a_job_that_is_done_is_gone),
        EACH(a_failed_attempt_is_recorded_and_the_job_waits),
        EACH(a_snoozed_job_waits_uncharged),
        EACH(a_released_job_is_due_at_once_and_uncharged),
        EACH(a_suspect_is_due_at_once_uncharged_and_seen_as_such_by_the_next_claim),
        EACH(a_lease_that_is_ended_counts_as_one_that_ran_out),
        EACH(an_attempt_is_never_refunded_below_none),
        EACH(a_dead_letter_has_the_whole_row_and_its_errors_stay),
        EACH(each_reason_has_its_name),
        EACH(a_batch_of_every_kind_settles_each_as_it_says),
        EACH(a_thousand_jobs_that_are_done_take_few_statements),
        EACH(an_outcome_that_comes_after_its_lease_ran_out_counts_if_nobody_took_the_job),
        EACH(an_empty_message_is_kept_as_one),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
