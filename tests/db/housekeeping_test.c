#include "fixture.h"

#include <string.h>

#include "probe.h"
#include "queue_control.h"
#include "retention.h"
#include "worker_row.h"

/* What a keeper does, and the look for what is due. */

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

static void expect_due(const struct probe *probe, const char *priorities)
{
    for (int i = 0; i < PRIORITIES; i++)
        assert_int_equal(probe->due[i], strchr(priorities, '0' + i) != NULL);
    assert_int_equal(probe->any_due, *priorities != '\0');
}

static void an_empty_queue_has_nothing_due_ever(void **state)
{
    (void) state;
    sql_run(f.admin, "INSERT INTO dueq_job (queue, kind, payload) VALUES ('other', 'k', '')");
    struct probe found = fixture_probe(&f, "default");
    expect_due(&found, "");
    assert_true(found.next_us == INT64_MAX);
    found = fixture_probe(&f, "it's \\ none");
    expect_due(&found, "");
}

static void a_probe_tells_what_is_due_by_priority(void **state)
{
    (void) state;
    sql_run(f.admin, "INSERT INTO dueq_job (kind, payload, priority, next_run_at) VALUES"
                     " ('k', '', 0, NOW(6)), ('k', '', 0, NOW(6) + INTERVAL 1 MINUTE),"
                     " ('k', '', 3, NOW(6) + INTERVAL 2 HOUR), ('k', '', 7, NOW(6)),"
                     " ('k', '', 9, NOW(6) - INTERVAL 1 YEAR)");
    struct probe found = fixture_probe(&f, "default");
    expect_due(&found, "079");
    assert_in_range(found.next_us, 7000 * INT64_C(1000000), 7200 * INT64_C(1000000));
}

static void a_probe_tells_when_the_next_job_is_due(void **state)
{
    (void) state;
    sql_run(f.admin, "INSERT INTO dueq_job (kind, payload, priority, next_run_at) VALUES"
                     " ('k', '', 3, NOW(6) + INTERVAL 2 HOUR), ('k', '', 4, '2037-12-31'),"
                     " ('k', '', 5, NOW(6) + INTERVAL 1 HOUR)");
    struct probe found = fixture_probe(&f, "default");
    expect_due(&found, "");
    assert_in_range(found.next_us, 3500 * INT64_C(1000000), 3600 * INT64_C(1000000));
    assert_int_equal(found.next_priority, 5);
}

static void a_leased_job_is_due_when_its_lease_ends(void **state)
{
    (void) state;
    fixture_insert(&f, 1);
    fixture_lease(&f, 1, 7);
    struct probe found = fixture_probe(&f, "default");
    expect_due(&found, "");
    assert_in_range(found.next_us, LEASE_US - 10000000, LEASE_US);
}

static void a_date_that_is_none_is_due(void **state)
{
    (void) state;
    MYSQL *producer = test_connect(f.database, &f.database->producer);
    sql_run(producer, "INSERT IGNORE INTO dueq_job (kind, payload, priority, next_run_at)"
                      " VALUES ('k', '', 2, 'never')");
    mysql_close(producer);
    struct probe found = fixture_probe(&f, "default");
    expect_due(&found, "2");
}

static void a_probe_waits_for_nobody(void **state)
{
    (void) state;
    fixture_insert(&f, 1);
    sql_run(f.admin, "BEGIN; UPDATE dueq_job SET payload = 'x'");
    struct probe found = fixture_probe(&f, "default");
    expect_due(&found, "5");
    sql_run(f.admin, "ROLLBACK");
}

static const int64_t day_us = INT64_C(86400) * 1000000;

static bool retain(void)
{
    bool more = false;
    struct error error = { "" };
    expect_status(retention_run(f.db, 7 * day_us, &more, &error), DB_OK, error);
    return more;
}

static void insert_errors(unsigned count, const char *at)
{
    sql_run(f.admin,
            "INSERT INTO dueq_error (job_id, attempt, at, worker, message)"
            " VALUES (1, 1, %s, 'w', 'm')",
            at);
    for (unsigned have = 1; have < count; have *= 2)
        sql_run(f.admin,
                "INSERT INTO dueq_error (job_id, attempt, at, worker, message)"
                " SELECT 1, 1, %s, 'w', 'm' FROM dueq_error LIMIT %u",
                at, have < count - have ? have : count - have);
}

static void old_errors_go_in_batches_and_young_ones_stay(void **state)
{
    (void) state;
    insert_errors(2500, "NOW(6) - INTERVAL 8 DAY");
    insert_errors(10, "NOW(6) - INTERVAL 6 DAY");
    assert_true(retain());
    assert_int_equal(sql_u64(f.admin, "SELECT COUNT(*) FROM dueq_error"), 1510);
    assert_true(retain());
    assert_false(retain());
    assert_int_equal(sql_u64(f.admin, "SELECT COUNT(*) FROM dueq_error"), 10);
    assert_false(retain());
    assert_int_equal(sql_u64(f.admin, "SELECT COUNT(*) FROM dueq_error"), 10);
}

static void retention_of_an_empty_table_does_nothing(void **state)
{
    (void) state;
    assert_false(retain());
}

/* How many rows the connection has read so far. */
static uint64_t rows_read(void)
{
    static const char sql[] = "SHOW SESSION STATUS LIKE 'Handler_read%'";
    struct db_result *result;
    struct error error = { "" };
    uint64_t rows = 0;
    expect_status(db_query(f.db, sql, sizeof sql - 1, &result, &error), DB_OK, error);
    while (db_result_next(result))
        rows += db_u64(result, 1);
    db_result_free(result);
    return rows;
}

static void retention_reads_no_more_than_it_deletes(void **state)
{
    (void) state;
    insert_errors(10000, "NOW(6)");
    uint64_t before = rows_read();
    assert_false(retain());
    assert_in_range(rows_read() - before, 1, 3000);
}

static void silent_workers_go_after_a_day(void **state)
{
    (void) state;
    sql_run(f.admin,
            "INSERT INTO dueq_worker (name, version, seen_at) VALUES"
            " ('a', '1', NOW(6) - INTERVAL 25 HOUR), ('b', '1', NOW(6) - INTERVAL 23 HOUR)");
    retain();
    char *name = sql_text(f.admin, "SELECT GROUP_CONCAT(name) FROM dueq_worker");
    assert_string_equal(name, "b");
    free(name);
}

static void a_worker_is_registered_beats_and_leaves(void **state)
{
    (void) state;
    static const char status[] = "{\"unbound\": [\"it's \\\\ \xf0\x9f\x98\x80\"]}";
    uint64_t id = 0, other = 0;
    struct error error = { "" };
    expect_status(worker_row_insert(f.db, "h\xc3\xb6st:1", "0.1.0", &id, &error), DB_OK, error);
    expect_status(worker_row_insert(f.db, "h\xc3\xb6st:1", "0.1.0", &other, &error), DB_OK, error);
    assert_true(other > id && id > 0);
    assert_int_equal(sql_u64(f.admin,
                             "SELECT COUNT(*) FROM dueq_worker WHERE worker_id = %llu"
                             " AND name = 'h\xc3\xb6st:1' AND version = '0.1.0'"
                             " AND status IS NULL AND seen_at = started_at",
                             (unsigned long long) id),
                     1);
    sql_run(f.admin, "UPDATE dueq_worker SET seen_at = '2024-01-01'");
    expect_status(worker_row_heartbeat(f.db, id, status, sizeof status - 1, &error), DB_OK, error);
    expect_status(worker_row_heartbeat(f.db, id, status, sizeof status - 1, &error), DB_OK, error);
    assert_int_equal(sql_u64(f.admin, "SELECT COUNT(*) FROM dueq_worker"
                                      " WHERE seen_at > NOW(6) - INTERVAL 1 HOUR"),
                     1);
    char *stored = sql_text(f.admin,
                            "SELECT JSON_UNQUOTE(JSON_EXTRACT(status, '$.unbound[0]'))"
                            " FROM dueq_worker WHERE worker_id = %llu",
                            (unsigned long long) id);
    assert_string_equal(stored, "it's \\ \xf0\x9f\x98\x80");
    free(stored);

    expect_status(worker_row_delete(f.db, id, &error), DB_OK, error);
    expect_status(worker_row_heartbeat(f.db, id, "{}", 2, &error), DB_NO_ROW, error);
    assert_int_equal(sql_u64(f.admin, "SELECT COUNT(*) FROM dueq_worker"), 1);
}

static void what_an_operator_set_is_read(void **state)
{
    (void) state;
    struct queue_control *controls = NULL;
    size_t count = 9;
    struct error error = { "" };
    expect_status(queue_control_read(f.db, &controls, &count, &error), DB_OK, error);
    assert_int_equal(count, 0);
    free(controls);

    sql_run(f.admin, "INSERT INTO dueq_queue (queue, paused, concurrency, rate) VALUES"
                     " ('a', 1, NULL, NULL), (REPEAT('b', 64), 0, 5, 100)");
    expect_status(queue_control_read(f.db, &controls, &count, &error), DB_OK, error);
    assert_int_equal(count, 2);
    assert_string_equal(controls[0].queue, "a");
    assert_true(controls[0].paused);
    assert_int_equal(controls[0].concurrency, 0);
    assert_int_equal(controls[0].rate, 0);
    assert_int_equal(strlen(controls[1].queue), 64);
    assert_false(controls[1].paused);
    assert_int_equal(controls[1].concurrency, 5);
    assert_int_equal(controls[1].rate, 100);
    free(controls);
}

static void a_limit_of_nothing_is_a_pause(void **state)
{
    (void) state;
    struct queue_control *controls = NULL;
    size_t count = 0;
    struct error error = { "" };
    sql_run(f.admin, "INSERT INTO dueq_queue (queue, concurrency, rate) VALUES"
                     " ('a', 0, NULL), ('b', NULL, 0), ('c', 1, 1)");
    expect_status(queue_control_read(f.db, &controls, &count, &error), DB_OK, error);
    assert_int_equal(count, 3);
    assert_true(controls[0].paused);
    assert_true(controls[1].paused);
    assert_false(controls[2].paused);
    free(controls);
}

int main(void)
{
#define EACH(test) cmocka_unit_test_setup(test, clear)
    const struct CMUnitTest tests[] = {
        EACH(an_empty_queue_has_nothing_due_ever),
        EACH(a_probe_tells_what_is_due_by_priority),
        EACH(a_probe_tells_when_the_next_job_is_due),
        EACH(a_leased_job_is_due_when_its_lease_ends),
        EACH(a_date_that_is_none_is_due),
        EACH(a_probe_waits_for_nobody),
        EACH(old_errors_go_in_batches_and_young_ones_stay),
        EACH(retention_of_an_empty_table_does_nothing),
        EACH(retention_reads_no_more_than_it_deletes),
        EACH(silent_workers_go_after_a_day),
        EACH(a_worker_is_registered_beats_and_leaves),
        EACH(what_an_operator_set_is_read),
        EACH(a_limit_of_nothing_is_a_pause),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
