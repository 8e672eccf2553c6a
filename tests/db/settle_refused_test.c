#include "settle.h"

#include "fixture.h"

/* A database that refuses outcomes whatever they are: full, without a privilege, with a trigger. */

enum { JOBS = 200, TOKEN = 9 };

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

static size_t count_results(const struct outcome *outcomes, enum settle_result result)
{
    size_t count = 0;
    for (size_t i = 0; i < JOBS; i++)
        count += outcomes[i].result == result;
    return count;
}

static void a_database_that_refuses_all_outcomes_is_not_asked_about_each(void **state)
{
    (void) state;
    struct outcome outcomes[JOBS];
    struct error error = { "" };

    fixture_insert(&f, JOBS);
    struct claim claim = fixture_lease(&f, JOBS, TOKEN);
    for (size_t i = 0; i < JOBS; i++)
        outcomes[i] = fixture_outcome(&claim.items[i].job, OUTCOME_RETRY);

    sql_run(f.admin, "CREATE TRIGGER refuse BEFORE INSERT ON dueq_error FOR EACH ROW "
                     "SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'not today'");
    uint64_t before = db_statement_count(f.db);
    expect_status(settle_outcomes(f.db, WORKER, outcomes, JOBS, &error), DB_FATAL, error);
    expect_words(error.text, "not today");
    assert_true(db_statement_count(f.db) - before < 5 * JOBS);
    assert_int_equal(count_results(outcomes, SETTLE_DONE), 0);
    assert_true(count_results(outcomes, SETTLE_OPEN) > JOBS / 2);
    assert_int_equal(sql_u64(f.admin, "SELECT COUNT(*) FROM dueq_job WHERE lease = %d", TOKEN),
                     JOBS);

    sql_run(f.admin, "DROP TRIGGER refuse");
    fixture_settle(&f, outcomes, JOBS);
    assert_int_equal(count_results(outcomes, SETTLE_DONE), JOBS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_database_that_refuses_all_outcomes_is_not_asked_about_each),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
