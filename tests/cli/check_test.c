#include <stdio.h>
#include <string.h>

#include "fixture.h"

/* dueq check, as the daemon's user: what it says of a good server, and of each thing that is not.
 */

static struct fixture f;
static struct test_server *server; /* not the shared one: its global variables are changed */

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

static json_t *check(const char *conf, int status)
{
    const struct run *run = dueq("-c", conf, "--json", "check", NULL);
    if (run->status != status)
        test_fail("dueq check ended with %d instead of %d\n%s%s", run->status, status, run->out,
                  run->err);
    json_t *json = json_loads(run->out, 0, NULL);
    if (!json)
        test_fail("not JSON:\n%s", run->out);
    return json;
}

static json_t *finding(json_t *findings, const char *name)
{
    size_t i;
    json_t *found;
    json_array_foreach(findings, i,
                       found) if (strcmp(member_string(found, "check"), name) == 0) return found;
    return NULL;
}

static void expect_finding(json_t *findings, const char *name, const char *level, const char *part)
{
    json_t *found = finding(findings, name);
    if (!found)
        test_fail("no finding %s in\n%s", name, json_dumps(findings, JSON_INDENT(2)));
    if (strcmp(member_string(found, "level"), level) != 0)
        test_fail("%s is no %s: %s", name, level, json_dumps(found, 0));
    expect_text(member_string(found, "text"), part);
}

static void a_good_server_is_ok_line_by_line(void **state)
{
    (void) state;
    static const char *const names[] = {
        "server", "schema",     "privileges", "operator_privileges", "isolation",
        "binlog", "claim_plan", "clock",      "max_allowed_packet",  "durability",
    };
    json_t *findings = check(f.daemon_conf, EX_OK);
    assert_int_equal(json_array_size(findings), sizeof names / sizeof *names);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(names[i], "max_allowed_packet") != 0)
            expect_finding(findings, names[i], "ok", "");
    json_decref(findings);
    const struct run *run = dueq("-c", f.daemon_conf, "check", NULL);
    assert_int_equal(run->status, EX_OK);
    expect_text(run->out, "ok       binlog               binlog_format is ROW\n");
}

static void a_packet_that_a_large_payload_does_not_fit_is_a_warning_and_no_failure(void **state)
{
    (void) state;
    uint64_t before = sql_u64(f.admin, "SELECT @@global.max_allowed_packet");
    sql_run(f.admin, "SET GLOBAL max_allowed_packet = 16777216");
    json_t *findings = check(f.daemon_conf, EX_OK);
    expect_finding(findings, "max_allowed_packet", "warning",
                   "SET GLOBAL max_allowed_packet = 67108864");
    json_decref(findings);
    sql_run(f.admin, "SET GLOBAL max_allowed_packet = 67108864");
    findings = check(f.daemon_conf, EX_OK);
    expect_finding(findings, "max_allowed_packet", "ok", "67108864");
    json_decref(findings);
    sql_run(f.admin, "SET GLOBAL max_allowed_packet = %llu", (unsigned long long) before);
}

static void each_missing_privilege_is_named_with_the_grant_to_give(void **state)
{
    (void) state;
    static const char *const privileges[][2] = {
        { "dueq_job", "SELECT" },    { "dueq_job", "UPDATE" },    { "dueq_job", "DELETE" },
        { "dueq_dead", "INSERT" },   { "dueq_error", "SELECT" },  { "dueq_error", "INSERT" },
        { "dueq_error", "DELETE" },  { "dueq_queue", "SELECT" },  { "dueq_worker", "SELECT" },
        { "dueq_worker", "INSERT" }, { "dueq_worker", "UPDATE" }, { "dueq_worker", "DELETE" },
        { "dueq_schema", "SELECT" },
    };
    const char *user = f.database->daemon.user;
    for (size_t i = 0; i < sizeof privileges / sizeof *privileges; i++) {
        const char *table = privileges[i][0], *verb = privileges[i][1];
        sql_run(f.admin, "REVOKE %s ON %s FROM '%s'@'%%'", verb, table, user);
        json_t *findings = check(f.daemon_conf, EX_NO);
        expect_finding(findings, "privileges", "failure", text_of("(%s: %s)", table, verb));
        expect_finding(
            findings, "privileges", "failure",
            text_of("GRANT %s ON `%s`.%s TO '%s'@'%%'", verb, f.database->name, table, user));
        json_decref(findings);
        sql_run(f.admin, "GRANT %s ON %s TO '%s'@'%%'", verb, table, user);
    }
    json_decref(check(f.daemon_conf, EX_OK));
}

static void what_only_the_command_line_needs_is_said_and_is_no_warning(void **state)
{
    (void) state;
    static const char *const privileges[][2] = {
        { "dueq_job", "INSERT" },   { "dueq_dead", "SELECT" },  { "dueq_dead", "DELETE" },
        { "dueq_queue", "INSERT" }, { "dueq_queue", "UPDATE" },
    };
    enum { PRIVILEGES = sizeof privileges / sizeof *privileges };
    const char *user = f.database->daemon.user;
    for (size_t i = 0; i < PRIVILEGES; i++)
        sql_run(f.admin, "GRANT %s ON %s TO '%s'@'%%'", privileges[i][1], privileges[i][0], user);
    for (size_t i = 0; i < PRIVILEGES; i++) {
        const char *table = privileges[i][0], *verb = privileges[i][1];
        sql_run(f.admin, "REVOKE %s ON %s FROM '%s'@'%%'", verb, table, user);
        json_t *findings = check(f.daemon_conf, EX_OK);
        expect_finding(findings, "privileges", "ok", "");
        expect_finding(findings, "operator_privileges", "ok", text_of("(%s: %s)", table, verb));
        json_decref(findings);
        sql_run(f.admin, "GRANT %s ON %s TO '%s'@'%%'", verb, table, user);
    }
    for (size_t i = 0; i < PRIVILEGES; i++)
        sql_run(f.admin, "REVOKE %s ON %s FROM '%s'@'%%'", privileges[i][1], privileges[i][0],
                user);
}

static void checking_changes_no_row(void **state)
{
    (void) state;
    insert_job(&f, "kind='k', payload=''");
    insert_dead(&f, "kind = 'k'");
    json_decref(check(f.daemon_conf, EX_OK));
    assert_int_equal(sql_u64(f.admin, "SELECT COUNT(*) FROM dueq_job WHERE lease IS NULL"), 1);
    assert_int_equal(sql_u64(f.admin, "SELECT COUNT(*) FROM dueq_dead"), 1);
    assert_int_equal(sql_u64(f.admin, "SELECT COUNT(*) FROM dueq_error"), 0);
    assert_int_equal(sql_u64(f.admin, "SELECT COUNT(*) FROM dueq_worker"), 0);
    assert_int_equal(sql_u64(f.admin, "SELECT COUNT(*) FROM dueq_queue"), 0);
}

static void an_index_that_is_gone_is_a_failure(void **state)
{
    (void) state;
    sql_run(f.admin, "ALTER TABLE dueq_job DROP KEY due");
    json_t *findings = check(f.daemon_conf, EX_NO);
    expect_finding(findings, "claim_plan", "failure",
                   "ALTER TABLE dueq_job ADD KEY due (queue, priority, next_run_at)");
    json_decref(findings);
    sql_run(f.admin, "ALTER TABLE dueq_job ADD KEY due (queue, priority, next_run_at)");
}

static void an_index_that_makes_the_claim_sort_or_read_too_much_is_a_warning(void **state)
{
    (void) state;
    static const char *const columns[] = { "queue, priority", "queue, next_run_at" };
    insert_job(&f, "kind='k', payload=''");
    for (size_t i = 0; i < sizeof columns / sizeof *columns; i++) {
        sql_run(f.admin, "ALTER TABLE dueq_job DROP KEY due, ADD KEY due (%s)", columns[i]);
        json_t *findings = check(f.daemon_conf, EX_OK);
        expect_finding(findings, "claim_plan", "warning", columns[i]);
        json_decref(findings);
    }
    /* Over the right columns, but read backwards, which gives the ids of one date the wrong way. */
    sql_run(f.admin, "ALTER TABLE dueq_job DROP KEY due, ADD KEY due (queue, priority,"
                     " next_run_at DESC)");
    json_t *findings = check(f.daemon_conf, EX_OK);
    expect_finding(findings, "claim_plan", "warning", "filesort");
    json_decref(findings);
    sql_run(f.admin, "ALTER TABLE dueq_job DROP KEY due, ADD KEY due (queue, priority,"
                     " next_run_at)");
}

static void a_table_that_is_gone_is_a_failure(void **state)
{
    (void) state;
    sql_run(f.admin, "RENAME TABLE dueq_error TO elsewhere");
    json_t *findings = check(f.daemon_conf, EX_NO);
    expect_finding(findings, "privileges", "failure", "dueq_error");
    json_decref(findings);
    sql_run(f.admin, "RENAME TABLE elsewhere TO dueq_error");
}

static void another_schema_is_a_failure_and_the_tables_are_not_looked_at(void **state)
{
    (void) state;
    sql_run(f.admin, "UPDATE dueq_schema SET version = 999");
    json_t *findings = check(f.daemon_conf, EX_NO);
    expect_finding(findings, "schema", "failure", "version 999");
    assert_null(finding(findings, "privileges"));
    assert_null(finding(findings, "claim_plan"));
    expect_finding(findings, "binlog", "ok", "");
    json_decref(findings);
    sql_run(f.admin, "UPDATE dueq_schema SET version = 1");
}

static void a_server_that_is_read_only_is_a_warning(void **state)
{
    (void) state;
    sql_run(f.admin, "SET GLOBAL read_only = 1");
    json_t *findings = check(f.daemon_conf, EX_OK);
    sql_run(f.admin, "SET GLOBAL read_only = 0");
    expect_finding(findings, "server", "warning", "read_only");
    json_decref(findings);
}

static void a_server_that_may_lose_commits_is_said_to(void **state)
{
    (void) state;
    uint64_t before = sql_u64(f.admin, "SELECT @@global.innodb_flush_log_at_trx_commit");
    sql_run(f.admin, "SET GLOBAL innodb_flush_log_at_trx_commit = 2");
    json_t *findings = check(f.daemon_conf, EX_OK);
    expect_finding(findings, "durability", "ok", "innodb_flush_log_at_trx_commit=2");
    json_decref(findings);
    sql_run(f.admin, "SET GLOBAL innodb_flush_log_at_trx_commit = %llu",
            (unsigned long long) before);
}

static void a_statement_binlog_is_a_failure_that_says_what_to_set(void **state)
{
    (void) state;
    static const char *const arguments[] = { "--binlog-format=STATEMENT", NULL };
    struct test_server *other = test_server_new(arguments);
    struct fixture own;
    fixture_set_up_on(&own, other);
    json_t *findings = check(own.daemon_conf, EX_NO);
    expect_finding(findings, "binlog", "failure", "SET GLOBAL binlog_format = 'ROW'");
    json_decref(findings);
    fixture_tear_down(&own);
    test_server_free(other);
}

static void a_clock_that_is_an_hour_off_is_shown_and_does_no_harm(void **state)
{
    (void) state;
    /* The server's clock is what a session says it is; a session of ours cannot be reached, but
     * every new one can. */
    sql_run(f.admin, "SET GLOBAL init_connect = 'SET timestamp = UNIX_TIMESTAMP() + 3600'");
    json_t *findings = check(f.daemon_conf, EX_OK);
    sql_run(f.admin, "SET GLOBAL init_connect = ''");
    expect_finding(findings, "clock", "ok", "ahead of this host's");
    json_decref(findings);
}

static void a_doorbell_is_checked_where_it_is_configured(void **state)
{
    (void) state;
    const char *conf = config_file_write(
        f.database, &(struct config_file){ .source = "doorbell = \"binlog\";" });
    json_t *findings = check(f.daemon_conf, EX_OK);
    assert_null(finding(findings, "doorbell"));
    json_decref(findings);

    findings = check(conf, EX_OK);
    expect_finding(findings, "doorbell", "warning",
                   "GRANT REPLICATION SLAVE, REPLICATION CLIENT ON *.*");
    json_decref(findings);

    test_database_grant_doorbell(f.database);
    findings = check(conf, EX_OK);
    expect_finding(findings, "doorbell", "ok", "the binlog can be followed");
    json_decref(findings);

    sql_run(f.admin, "SET GLOBAL binlog_format = MIXED");
    findings = check(conf, EX_OK);
    sql_run(f.admin, "SET GLOBAL binlog_format = ROW");
    expect_finding(findings, "doorbell", "warning", "binlog_format is MIXED");
    json_decref(findings);

    struct test_server *other = test_server_new((const char *const[]){ "--skip-log-bin", NULL });
    struct fixture own;
    fixture_set_up_on(&own, other);
    test_database_grant_doorbell(own.database);
    conf = config_file_write(own.database,
                             &(struct config_file){ .source = "doorbell = \"binlog\";" });
    findings = check(conf, EX_OK);
    expect_finding(findings, "doorbell", "warning", "log_bin is off");
    json_decref(findings);
    fixture_tear_down(&own);
    test_server_free(other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_good_server_is_ok_line_by_line),
        cmocka_unit_test(a_packet_that_a_large_payload_does_not_fit_is_a_warning_and_no_failure),
        cmocka_unit_test(each_missing_privilege_is_named_with_the_grant_to_give),
        cmocka_unit_test(what_only_the_command_line_needs_is_said_and_is_no_warning),
        cmocka_unit_test(checking_changes_no_row),
        cmocka_unit_test(an_index_that_is_gone_is_a_failure),
        cmocka_unit_test(an_index_that_makes_the_claim_sort_or_read_too_much_is_a_warning),
        cmocka_unit_test(a_table_that_is_gone_is_a_failure),
        cmocka_unit_test(another_schema_is_a_failure_and_the_tables_are_not_looked_at),
        cmocka_unit_test(a_server_that_is_read_only_is_a_warning),
        cmocka_unit_test(a_server_that_may_lose_commits_is_said_to),
        cmocka_unit_test(a_statement_binlog_is_a_failure_that_says_what_to_set),
        cmocka_unit_test(a_doorbell_is_checked_where_it_is_configured),
        cmocka_unit_test(a_clock_that_is_an_hour_off_is_shown_and_does_no_harm),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
