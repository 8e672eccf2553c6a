#include "fixture.h"

#include <stdio.h>
#include <string.h>

#include "lease.h"
#include "probe.h"
#include "server.h"

/* The plans of the statements as they are sent, found in the server's general log: single-row
 * look-ups by the primary key, or a range of one index, whatever the size of the table and however
 * old its statistics are. The server is one test's own because of the log. */

static struct test_server *server;
static struct fixture f;

static int set_up(void **state)
{
    (void) state;
    server = test_server_new((const char *const[]){ "--log-output=TABLE", NULL });
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

enum { BATCH = 25 };

static void probe_from_watermarks(void)
{
    struct probe_request request = { .queue = "default" };
    struct probe probe;
    struct error error = { "" };
    for (int priority = 0; priority < PRIORITIES; priority++)
        request.from_us[priority] = INT64_C(1700000000000000);
    expect_status(probe_queues(f.db, &request, 1, &probe, &error), DB_OK, error);
}

/* Says all that the queue layer says about jobs, with batches of BATCH. */
static void say_everything(void)
{
    static const enum outcome_kind kinds[] = { OUTCOME_DONE, OUTCOME_RETRY, OUTCOME_SNOOZE,
                                               OUTCOME_DEAD, OUTCOME_RELEASE };
    struct error error = { "" };
    struct outcome outcomes[BATCH];
    struct fence fences[BATCH];

    fixture_probe(&f, "default");
    probe_from_watermarks();
    struct claim claim = fixture_begin(&f, BATCH);
    assert_int_equal(claim.count, BATCH);
    claim.items[0].verdict = CLAIM_DEAD;
    claim.items[0].message = "";
    claim.items[1].verdict = CLAIM_PUT_OFF;
    fixture_commit(&f, &claim, 7);
    for (int i = 2; i < BATCH; i++) {
        const struct job *job = &claim.items[i].job;
        fences[i - 2] =
            (struct fence){ .id = job->id, .lease = job->lease, .attempt = job->attempts };
        outcomes[i - 2] = fixture_outcome(job, kinds[i % 5]);
    }
    expect_status(lease_renew(f.db, fences, BATCH - 2, LEASE_US, &error), DB_OK, error);
    fences[0].state = FENCE_UNKNOWN;
    expect_status(fence_read(f.db, fences, 1, &error), DB_OK, error);
    sql_run(f.admin, "UPDATE dueq_job SET lease = 9 WHERE id = %llu", /* a second look is taken */
            (unsigned long long) outcomes[0].id);
    fixture_settle(&f, outcomes, BATCH - 2);
}

/* The columns of EXPLAIN that matter; NULL where there is none. */
struct step {
    const char *table, *type, *key, *extra;
};

static struct step step_of(MYSQL_RES *result, MYSQL_ROW row)
{
    struct step step = { "", "", "", "" };
    const unsigned columns = mysql_num_fields(result);
    for (unsigned i = 0; i < columns; i++) {
        const char *name = mysql_fetch_field_direct(result, i)->name;
        const char *value = row[i] ? row[i] : "";
        if (strcmp(name, "table") == 0)
            step.table = value;
        else if (strcmp(name, "type") == 0)
            step.type = value;
        else if (strcmp(name, "key") == 0)
            step.key = value;
        else if (strcmp(name, "Extra") == 0)
            step.extra = value;
    }
    return step;
}

static bool is_job_table(const char *name)
{
    return strcmp(name, "j") == 0 || strcmp(name, "dueq_job") == 0;
}

/* Fails the test unless each access of the statement to dueq_job is a look-up. */
static void expect_plan(const char *sql, size_t len)
{
    const bool driven = memmem(sql, len, "JSON_TABLE", 10) != NULL;
    /* And a probe that begins at the watermarks. */
    const bool has_bound = memmem(sql, len, "next_run_at <= NOW(6)", 21) != NULL ||
                           memmem(sql, len, "next_run_at >= '", 16) != NULL;
    const char *wanted = driven                                 ? "PRIMARY"
                         : memmem(sql, len, "(unique_key)", 12) ? "unique_key"
                                                                : "due";
    struct buffer explain = { 0 };
    unsigned accesses = 0;

    buffer_append_text(&explain, "EXPLAIN FORMAT=TRADITIONAL ");
    buffer_append(&explain, sql, len);
    if (mysql_real_query(f.admin, explain.bytes, explain.len))
        test_fail("%s\n  %s", explain.bytes, mysql_error(f.admin));
    MYSQL_RES *result = mysql_store_result(f.admin);
    MYSQL_ROW row;
    while ((row = mysql_fetch_row(result))) {
        const struct step step = step_of(result, row);
        if (strstr(step.extra, "filesort"))
            test_fail("it sorts: %s", explain.bytes);
        if (!is_job_table(step.table))
            continue;
        accesses++;
        /* By `ref` they would read all that the prefix has, due or not, deleted or not. */
        if (strcmp(step.key, wanted) != 0 || strcmp(step.type, "ALL") == 0 ||
            strcmp(step.type, "index") == 0 || (driven && strcmp(step.type, "eq_ref") != 0) ||
            (has_bound && strcmp(step.type, "range") != 0))
            test_fail("type %s by \"%s\" instead of %s: %s", step.type, step.key, wanted,
                      explain.bytes);
    }
    mysql_free_result(result);
    if (accesses == 0)
        test_fail("no access to dueq_job in the plan of %s", explain.bytes);
    buffer_done(&explain);
}

/* The plan of each statement about dueq_job that is in the log. */
static size_t expect_plans(void)
{
    size_t count = 0;
    if (mysql_query(f.admin, "SELECT DISTINCT argument FROM mysql.general_log"
                             " WHERE command_type = 'Query' AND argument LIKE '%dueq_job%'"))
        test_fail("%s", mysql_error(f.admin));
    MYSQL_RES *result = mysql_store_result(f.admin);
    MYSQL_ROW row;
    while ((row = mysql_fetch_row(result))) {
        expect_plan(row[0], mysql_fetch_lengths(result)[0]);
        count++;
    }
    mysql_free_result(result);
    return count;
}

static void fill(unsigned size)
{
    fixture_clear(&f);
    for (unsigned i = 0; i < size; i += 10)
        sql_run(f.admin,
                "INSERT INTO dueq_job (kind, payload, unique_key) VALUES"
                " ('k', '', 'a%u'), ('k', '', NULL), ('k', '', 'c%u'), ('k', '', NULL),"
                " ('k', '', 'e%u'), ('k', '', NULL), ('k', '', 'g%u'), ('k', '', NULL),"
                " ('k', '', 'i%u'), ('k', '', NULL)",
                i, i, i, i, i);
}

static void expect_look_ups_in(unsigned size, bool analyzed)
{
    fill(size);
    if (analyzed)
        sql_run(f.admin, "ANALYZE TABLE dueq_job");
    /* For the EXPLAINs, which find out that a row is gone. */
    sql_run(f.admin, "DROP TABLE IF EXISTS before_it; CREATE TABLE before_it LIKE dueq_job;"
                     "INSERT INTO before_it SELECT * FROM dueq_job");
    /* The preparations of the test itself, on other connections, do not go into the log. */
    sql_run(f.admin, "SET sql_log_off = 1; TRUNCATE mysql.general_log; SET GLOBAL general_log = 1");
    say_everything();
    sql_run(f.admin, "SET GLOBAL general_log = 0; DELETE FROM dueq_job;"
                     "INSERT INTO dueq_job SELECT * FROM before_it");
    size_t count = expect_plans();
    /* Without doubles: probe; claim, and its keys, lease, put-off, burying (2); renewal (2) and a
     * look; settle: keys, delete, postpone, burying (2). */
    assert_true(count >= 15);
}

static void every_statement_is_look_ups_in_30_rows(void **state)
{
    (void) state;
    expect_look_ups_in(30, true);
}

static void every_statement_is_look_ups_in_200_rows(void **state)
{
    (void) state;
    expect_look_ups_in(200, true);
}

static void every_statement_is_look_ups_in_1000_rows(void **state)
{
    (void) state;
    expect_look_ups_in(1000, true);
}

/* As after a burst into a table that was empty when it was last looked at. */
static void every_statement_is_look_ups_with_statistics_of_an_empty_table(void **state)
{
    (void) state;
    fixture_clear(&f);
    sql_run(f.admin, "ALTER TABLE dueq_job STATS_AUTO_RECALC = 0; ANALYZE TABLE dueq_job");
    expect_look_ups_in(200, false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_statement_is_look_ups_in_30_rows),
        cmocka_unit_test(every_statement_is_look_ups_in_200_rows),
        cmocka_unit_test(every_statement_is_look_ups_in_1000_rows),
        cmocka_unit_test(every_statement_is_look_ups_with_statistics_of_an_empty_table),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
