#include "fixture.h"

/* Rows written by who had turned the table's constraints off (MariaDB's check_constraint_checks).
 */

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

static void a_row_that_breaks_a_constraint_is_dead_and_the_others_are_claimed(void **state)
{
    (void) state;
    if (sql_try(f.admin, "SET SESSION check_constraint_checks = 0") != 0)
        skip(); /* MySQL has no such variable */
    sql_run(f.admin, "INSERT INTO dueq_job (id, kind, payload, headers) VALUES"
                     " (1, '', 'a', NULL), (2, 'k', 'b', 'no JSON'), (3, 'k', 'c', '{\"a\":1}')");
    sql_run(f.admin, "SET SESSION check_constraint_checks = 1");

    struct claim claim = fixture_begin(&f, 10);
    fixture_commit(&f, &claim, 7);
    assert_int_equal(claim.count, 3);
    assert_int_equal(claim.items[2].verdict, CLAIM_RUN);
    assert_int_equal(sql_u64(f.admin, "SELECT COUNT(*) FROM dueq_job WHERE lease = 7"), 1);
    assert_int_equal(sql_u64(f.admin, "SELECT COUNT(*) FROM dueq_job"), 1);
    assert_int_equal(sql_u64(f.admin, "SELECT COUNT(*) FROM dueq_dead WHERE reason = 'invalid' AND "
                                      "(id = 1 AND payload = 'a' AND message = 'kind is empty' OR "
                                      "id = 2 AND payload = 'b' AND headers IS NULL AND message "
                                      "LIKE 'headers are no JSON%%')"),
                     2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_row_that_breaks_a_constraint_is_dead_and_the_others_are_claimed),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
