#include <string.h>

#include "fixture.h"

/* dueq fsck. */

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

static const char *level_of(json_t *findings, const char *name)
{
    size_t i;
    json_t *finding;
    json_array_foreach(findings, i, finding) if (strcmp(member_string(finding, "check"), name) ==
                                                 0) return member_string(finding, "level");
    test_fail("there is no check %s", name);
}

/* That one thing is wrong, and nothing else. */
static void expect_only(const char *wrong, const char *level, int exit_status)
{
    size_t i;
    json_t *finding, *findings = operate_json(&f, exit_status, "fsck", NULL);
    assert_int_equal(json_array_size(findings), 6);
    json_array_foreach(findings, i, finding)
    {
        const char *name = member_string(finding, "check");
        assert_string_equal(level_of(findings, name), strcmp(name, wrong) == 0 ? level : "ok");
    }
    json_decref(findings);
    fixture_clear(&f);
}

static void insert_error(uint64_t job, unsigned attempt)
{
    sql_run(f.admin,
            "INSERT INTO dueq_error (job_id, attempt, worker, message) VALUES (%llu, %u, 'w', 'm')",
            (unsigned long long) job, attempt);
}

static void what_fits_together_is_found_good(void **state)
{
    (void) state;
    expect_only("", "", EX_OK);
    uint64_t waits = insert_job(&f, "kind='k', payload='', attempts=2, max_attempts=3");
    insert_error(waits, 1);
    insert_error(waits, 2);
    uint64_t runs = insert_job(&f, "kind='k', payload='', attempts=1, max_attempts=1,"
                                   " lease=(1<<40)|1, next_run_at=NOW(6) + INTERVAL 1 MINUTE");
    insert_job(&f, "kind='k', payload='', lease=1"); /* a suspect */
    insert_job(&f, "kind='k', payload='', attempts=5, created_at=NOW(6) - INTERVAL 40 DAY");
    insert_dead(&f, "attempts = 1, reason = 'exhausted'");
    insert_error(sql_u64(f.admin, "SELECT id FROM dueq_dead"), 1);
    insert_dead(&f, "attempts = 7, reason = 'cancelled'");
    (void) runs;
    expect_only("", "", EX_OK);
}

static void a_failed_attempt_without_an_error_is_found(void **state)
{
    (void) state;
    uint64_t id = insert_job(&f, "kind='k', payload='', attempts=2");
    insert_error(id, 1);
    insert_error(id, 1); /* a second one for the same attempt does not stand for the other */
    expect_only("errors-of-living", "failure", EX_NO);
    insert_dead(&f, "attempts = 1, reason = 'handler'");
    expect_only("errors-of-dead", "failure", EX_NO);
}

static void a_job_that_should_be_dead_is_found(void **state)
{
    (void) state;
    uint64_t id = insert_job(&f, "kind='k', payload='', attempts=1, max_attempts=1");
    insert_error(id, 1);
    expect_only("attempts", "failure", EX_NO);
}

static void a_job_that_is_alive_and_dead_or_dead_twice_is_found(void **state)
{
    (void) state;
    uint64_t id = insert_job(&f, "kind='k', payload=''");
    insert_dead(&f, "attempts = 0, reason = 'cancelled'");
    sql_run(f.admin, "UPDATE dueq_dead SET id = %llu", (unsigned long long) id);
    expect_only("living-and-dead", "failure", EX_NO);
    insert_dead(&f, "attempts = 0, reason = 'cancelled'");
    insert_dead(&f, "attempts = 0, reason = 'cancelled'");
    sql_run(f.admin, "UPDATE dueq_dead SET id = 7");
    expect_only("dead-twice", "failure", EX_NO);
}

static void a_lease_that_nobody_takes_up_is_a_warning(void **state)
{
    (void) state;
    insert_job(&f, "kind='k', payload='', attempts=1, lease=(1<<40)|1,"
                   " next_run_at=NOW(6) - INTERVAL 2 MINUTE");
    expect_only("expired-leases", "warning", EX_OK);
}

static void a_table_of_many_pieces_is_read_to_its_end(void **state)
{
    (void) state;
    sql_run(
        f.admin,
        "INSERT INTO dueq_job (kind, payload, attempts) WITH RECURSIVE n AS (SELECT 1 AS i UNION"
        " ALL SELECT i + 1 FROM n WHERE i < 999) SELECT 'k', '', 0 FROM n, (SELECT i FROM n"
        " WHERE i <= 12) m");
    sql_run(f.admin, "UPDATE dueq_job SET attempts = 1 ORDER BY id DESC LIMIT 3");
    expect_only("errors-of-living", "failure", EX_NO);
}

int main(void)
{
#define test(name) cmocka_unit_test_setup(name, clear)
    const struct CMUnitTest tests[] = {
        test(what_fits_together_is_found_good),
        test(a_failed_attempt_without_an_error_is_found),
        test(a_job_that_should_be_dead_is_found),
        test(a_job_that_is_alive_and_dead_or_dead_twice_is_found),
        test(a_lease_that_nobody_takes_up_is_a_warning),
        test(a_table_of_many_pieces_is_read_to_its_end),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
