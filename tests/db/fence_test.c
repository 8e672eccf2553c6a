#include "fence.h"

#include <string.h>

#include "fixture.h"

/* An outcome counts only while the row still says the token and the attempt that it was leased
 * under. */

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

static const enum outcome_kind every_kind[] = { OUTCOME_DONE, OUTCOME_RETRY, OUTCOME_SNOOZE,
                                                OUTCOME_DEAD, OUTCOME_RELEASE };

/* For each kind of outcome, with and without a unique key, and alone or among others that count:
 * after `change` to the row the outcome is refused, the row is as it was then, and the others are
 * settled. */
static void expect_fenced_after(const char *change)
{
    for (size_t i = 0; i < 4 * (sizeof every_kind / sizeof *every_kind); i++) {
        const enum outcome_kind kind = every_kind[i / 4];
        const bool has_key = i & 1, has_others = i & 2;

        fixture_clear(&f);
        sql_run(f.admin,
                "INSERT INTO dueq_job (id, kind, payload, unique_key)"
                " VALUES (1, 'k', 'old', %s)",
                has_key ? "'key'" : "NULL");
        if (has_others)
            sql_run(f.admin, "INSERT INTO dueq_job (id, kind, payload, unique_key)"
                             " VALUES (2, 'k', '', NULL), (3, 'k', '', 'other')");
        struct claim claim = fixture_lease(&f, has_others ? 3 : 1, 7);
        struct outcome outcomes[3];
        for (size_t j = 0; j < claim.count; j++)
            outcomes[j] = fixture_outcome(&claim.items[j].job, kind);
        sql_run(f.admin, "%s", change);
        char *before = sql_text(f.admin, "SELECT CONCAT_WS('|', id, lease, attempts, next_run_at,"
                                         " payload, unique_key) FROM dueq_job WHERE id = 1");

        fixture_settle(&f, outcomes, claim.count);
        assert_int_equal(outcomes[0].result, SETTLE_FENCED);
        for (size_t j = 1; j < claim.count; j++)
            assert_int_equal(outcomes[j].result, SETTLE_DONE);
        char *after = sql_text(f.admin, "SELECT CONCAT_WS('|', id, lease, attempts, next_run_at,"
                                        " payload, unique_key) FROM dueq_job WHERE id = 1");
        if (before)
            assert_string_equal(before, after);
        else
            assert_null(after);
        assert_int_equal(sql_u64(f.admin, "SELECT COUNT(*) FROM dueq_error WHERE job_id = 1"), 0);
        assert_int_equal(sql_u64(f.admin, "SELECT COUNT(*) FROM dueq_dead WHERE id = 1"), 0);
        free(before);
        free(after);
    }
}

static void an_outcome_under_another_token_is_refused(void **state)
{
    (void) state;
    expect_fenced_after("UPDATE dueq_job SET lease = 8 WHERE id = 1");
}

static void an_outcome_of_another_attempt_is_refused(void **state)
{
    (void) state;
    expect_fenced_after("UPDATE dueq_job SET attempts = 2 WHERE id = 1");
}

static void an_outcome_of_a_job_that_was_freed_is_refused(void **state)
{
    (void) state;
    expect_fenced_after("UPDATE dueq_job SET lease = NULL WHERE id = 1");
}

static void an_outcome_of_a_job_that_was_cancelled_is_refused(void **state)
{
    (void) state;
    expect_fenced_after("DELETE FROM dueq_job WHERE id = 1");
}

static void an_outcome_of_a_job_that_a_producer_replaced_is_refused(void **state)
{
    (void) state;
    expect_fenced_after("UPDATE dueq_job SET payload = 'new', next_run_at = NOW(6), lease = NULL"
                        " WHERE id = 1");
}

/* The key is on another row by then, which has nothing to do with the outcome. */
static void an_outcome_of_a_job_whose_key_went_to_another_is_refused(void **state)
{
    (void) state;
    expect_fenced_after("DELETE FROM dueq_job WHERE id = 1;"
                        "INSERT INTO dueq_job (id, kind, payload, unique_key)"
                        " VALUES (9, 'k', 'new', 'key')");
    assert_int_equal(sql_u64(f.admin, "SELECT payload = 'new' FROM dueq_job WHERE id = 9"), 1);
}

/* What a producer that replaces a running job brings about within one daemon: two attempts of one
 * id, that end together. */
static void of_two_attempts_of_one_job_in_a_batch_the_later_one_counts(void **state)
{
    (void) state;
    static const enum outcome_kind pairs[][2] = {
        { OUTCOME_DONE, OUTCOME_RETRY },  { OUTCOME_RETRY, OUTCOME_DONE },
        { OUTCOME_DONE, OUTCOME_SNOOZE }, { OUTCOME_DEAD, OUTCOME_RETRY },
        { OUTCOME_DONE, OUTCOME_DONE },
    };
    for (size_t i = 0; i < 2 * sizeof pairs / sizeof *pairs; i++) {
        const enum outcome_kind old_kind = pairs[i / 2][0], new_kind = pairs[i / 2][1];
        const size_t old = i % 2, new = 1 - old;
        struct outcome outcomes[2];

        fixture_clear(&f);
        sql_run(f.admin, "INSERT INTO dueq_job (id, kind, payload, unique_key)"
                         " VALUES (1, 'k', '', 'key')");
        outcomes[old] = fixture_outcome(&fixture_lease(&f, 1, 7).items[0].job, old_kind);
        sql_run(f.admin, "UPDATE dueq_job SET lease = NULL, next_run_at = NOW(6)");
        outcomes[new] = fixture_outcome(&fixture_lease(&f, 1, 8).items[0].job, new_kind);
        fixture_settle(&f, outcomes, 2);
        assert_int_equal(outcomes[old].result, SETTLE_FENCED);
        assert_int_equal(outcomes[new].result, SETTLE_DONE);
        assert_int_equal(sql_u64(f.admin, "SELECT COUNT(*) FROM dueq_job"),
                         new_kind == OUTCOME_DONE ? 0 : 1);
        assert_int_equal(sql_u64(f.admin, "SELECT COUNT(*) FROM dueq_dead"), 0);
        assert_int_equal(sql_u64(f.admin, "SELECT COUNT(*) FROM dueq_error"),
                         new_kind == OUTCOME_RETRY ? 1 : 0);
    }
}

static void settling_again_is_refused_and_harmless(void **state)
{
    (void) state;
    for (size_t i = 0; i < sizeof every_kind / sizeof *every_kind; i++) {
        fixture_clear(&f);
        fixture_insert(&f, 1);
        struct claim claim = fixture_lease(&f, 1, 7);
        struct outcome outcome = fixture_outcome(&claim.items[0].job, every_kind[i]);
        assert_int_equal(fixture_settle_one(&f, outcome), SETTLE_DONE);
        uint64_t rows = sql_u64(f.admin, "SELECT (SELECT COUNT(*) FROM dueq_dead)"
                                         " + 10 * (SELECT COUNT(*) FROM dueq_error)"
                                         " + 100 * (SELECT COUNT(*) FROM dueq_job)");
        assert_int_equal(fixture_settle_one(&f, outcome), SETTLE_FENCED);
        assert_int_equal(sql_u64(f.admin, "SELECT (SELECT COUNT(*) FROM dueq_dead)"
                                          " + 10 * (SELECT COUNT(*) FROM dueq_error)"
                                          " + 100 * (SELECT COUNT(*) FROM dueq_job)"),
                         rows);
    }
}

static void reading_the_fences_tells_ours_from_lost_and_locks_nothing(void **state)
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
    sql_run(f.admin,
            "UPDATE dueq_job SET attempts = 9 WHERE id = %llu;"
            "DELETE FROM dueq_job WHERE id = %llu;"
            "BEGIN; SELECT * FROM dueq_job FOR UPDATE",
            (unsigned long long) claim.items[0].job.id, (unsigned long long) claim.items[2].job.id);
    expect_status(fence_read(f.db, fences, 4, &error), DB_OK, error);
    sql_run(f.admin, "ROLLBACK");
    for (int i = 0; i < 4; i++) {
        assert_int_equal(fences[i].id, claim.items[i].job.id); /* they come back sorted */
        assert_int_equal(fences[i].state, i % 2 ? FENCE_HELD : FENCE_LOST);
    }
}

int main(void)
{
#define EACH(test) cmocka_unit_test_setup(test, clear)
    const struct CMUnitTest tests[] = {
        EACH(an_outcome_under_another_token_is_refused),
        EACH(an_outcome_of_another_attempt_is_refused),
        EACH(an_outcome_of_a_job_that_was_freed_is_refused),
        EACH(an_outcome_of_a_job_that_was_cancelled_is_refused),
        EACH(an_outcome_of_a_job_that_a_producer_replaced_is_refused),
        EACH(an_outcome_of_a_job_whose_key_went_to_another_is_refused),
        EACH(of_two_attempts_of_one_job_in_a_batch_the_later_one_counts),
        EACH(settling_again_is_refused_and_harmless),
        EACH(reading_the_fences_tells_ours_from_lost_and_locks_nothing),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
