#include "fixture.h"

#include <stdio.h>
#include <string.h>

#include "status.h"
#include "thread.h"

enum {
    ER_ACCESS_DENIED = 1045,
    ER_DBACCESS_DENIED = 1044,
    ER_BAD_DB = 1049,
};

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

/* Fails to connect, in that class, with those words. */
static void expect_refusal(const struct db_options *options, enum db_status wanted,
                           const char *words)
{
    struct db *db = NULL;
    struct error error = { "" };
    expect_status(db_open(options, &db, &error), wanted, error);
    assert_null(db);
    expect_words(error.text, words);
}

static void a_wrong_password_is_said_and_is_not_tried_for_ever(void **state)
{
    (void) state;
    struct db_options options = fixture_options(&f, NULL);
    options.password = "wrong";
    expect_refusal(&options, DB_FATAL, "Access denied for user");
    assert_int_equal(db_open_error_number(), ER_ACCESS_DENIED);
}

static void an_unknown_database_is_said(void **state)
{
    (void) state;
    const struct test_account root = { .user = "root", .password = "" };
    struct db_options options = fixture_options(&f, &root);
    options.database = "nowhere";
    expect_refusal(&options, DB_FATAL, "Unknown database 'nowhere'");
    assert_int_equal(db_open_error_number(), ER_BAD_DB);
}

static void a_user_without_privileges_is_told_that_and_not_what_there_is(void **state)
{
    (void) state;
    struct db_options options = fixture_options(&f, NULL);
    options.database = "nowhere";
    expect_refusal(&options, DB_FATAL, "Access denied");
    assert_int_equal(db_open_error_number(), ER_DBACCESS_DENIED);
}

static void no_server_at_the_socket_is_a_lost_connection_that_names_it(void **state)
{
    (void) state;
    struct db_options options = fixture_options(&f, NULL);
    options.socket = "/tmp/there-is-no-such.sock";
    expect_refusal(&options, DB_LOST, "/tmp/there-is-no-such.sock");
}

static void no_server_at_the_port_is_a_lost_connection_that_names_the_host(void **state)
{
    (void) state;
    struct db_options options = fixture_options(&f, NULL);
    options.socket = NULL;
    options.port = 1; /* tcpmux: nobody has one */
    expect_refusal(&options, DB_LOST, "127.0.0.1");
}

static void a_connection_through_the_network_works_too(void **state)
{
    (void) state;
    struct db_options options = fixture_options(&f, NULL);
    struct db *db;
    struct error error = { "" };
    options.socket = NULL;
    expect_status(db_open(&options, &db, &error), DB_OK, error);
    uint64_t version = 0;
    expect_status(db_query_u64(db, "SELECT version FROM dueq_schema", &version, &error), DB_OK,
                  error);
    assert_int_equal(version, 1);
    db_close(db);
}

/* What a statement gives in its first column, NUL-terminated in `text`. */
static void select_text(struct db *db, const char *sql, char *text, size_t size)
{
    struct db_result *result;
    struct error error = { "" };
    expect_status(db_query(db, sql, strlen(sql), &result, &error), DB_OK, error);
    assert_true(db_result_next(result));
    snprintf(text, size, "%s", db_text(result, 0, NULL));
    db_result_free(result);
}

static void expect_session(struct db *db)
{
    char text[128];
    struct db_result *result;
    struct error error = { "" };
    static const char isolation[] = "SHOW SESSION VARIABLES WHERE Variable_name IN"
                                    " ('tx_isolation', 'transaction_isolation')";

    select_text(db, "SELECT @@session.time_zone", text, sizeof text);
    assert_string_equal(text, "+00:00");
    select_text(db, "SELECT @@session.character_set_client", text, sizeof text);
    assert_string_equal(text, "utf8mb4");
    select_text(db, "SELECT @@session.character_set_results", text, sizeof text);
    assert_string_equal(text, "utf8mb4");
    select_text(db, "SELECT @@session.innodb_lock_wait_timeout", text, sizeof text);
    assert_string_equal(text, "1");
    select_text(db, "SELECT @@session.autocommit", text, sizeof text);
    assert_string_equal(text, "1");
    select_text(db, "SELECT @@session.sql_mode", text, sizeof text);
    expect_words(text, "STRICT_TRANS_TABLES");
    assert_null(strstr(text, "NO_ZERO"));
    assert_null(strstr(text, "NO_BACKSLASH_ESCAPES"));
    assert_null(strstr(text, "ANSI_QUOTES"));

    expect_status(db_query(db, isolation, sizeof isolation - 1, &result, &error), DB_OK, error);
    assert_true(db_result_next(result));
    do
        assert_string_equal(db_text(result, 1, NULL), "READ-COMMITTED");
    while (db_result_next(result));
    db_result_free(result);
}

/* Quotes, backslashes, a NUL, control characters, characters of two, three and four bytes. */
static const char difficult[] = "it's \"so\" \\ \\' %s \0 \n\r\t\x1a \xc3\xa9 \xe2\x82\xac "
                                "\xf0\x9f\x98\x80 ` ; -- /* \x7f";

static void expect_round_trip(struct db *db)
{
    struct buffer sql = { 0 };
    struct db_result *result;
    struct error error = { "" };
    size_t len;

    buffer_append_text(&sql, "SELECT ");
    db_append_quoted(db, &sql, difficult, sizeof difficult - 1);
    expect_status(db_query_buffer(db, &sql, &result, &error), DB_OK, error);
    assert_true(db_result_next(result));
    const char *text = db_text(result, 0, &len);
    assert_int_equal(len, sizeof difficult - 1);
    assert_memory_equal(text, difficult, len);
    assert_int_equal(text[len], '\0');
    db_result_free(result);
    buffer_done(&sql);
}

static void a_session_is_set_up(void **state)
{
    (void) state;
    expect_session(f.db);
}

static void any_text_survives_quoting(void **state)
{
    (void) state;
    expect_round_trip(f.db);
}

static void no_text_is_null(void **state)
{
    (void) state;
    struct buffer sql = { 0 };
    struct db_result *result;
    struct error error = { "" };
    buffer_append_text(&sql, "SELECT ");
    db_append_quoted(f.db, &sql, NULL, 0);
    buffer_append_text(&sql, ", ");
    db_append_quoted(f.db, &sql, "", 0);
    expect_status(db_query_buffer(f.db, &sql, &result, &error), DB_OK, error);
    assert_true(db_result_next(result));
    assert_true(db_is_null(result, 0));
    assert_int_equal(db_u64(result, 0), 0);
    assert_false(db_is_null(result, 1));
    db_result_free(result);
    buffer_done(&sql);
}

/* One whose defaults would break each of these. */
static void a_session_is_set_up_whatever_the_servers_defaults_are(void **state)
{
    (void) state;
    struct test_server *server = test_server_new((const char *const[]){
        "--sql-mode=NO_BACKSLASH_ESCAPES,ANSI_QUOTES,NO_ZERO_DATE,NO_ZERO_IN_DATE",
        "--transaction-isolation=REPEATABLE-READ", "--default-time-zone=+08:00", "--autocommit=0",
        "--character-set-server=latin1", "--innodb-lock-wait-timeout=50", NULL });
    struct fixture own;
    fixture_set_up_on(&own, server);
    expect_session(own.db);
    expect_round_trip(own.db);
    fixture_tear_down(&own);
    test_server_free(server);
}

static void an_update_counts_the_rows_it_matched(void **state)
{
    (void) state;
    static const char sql[] = "UPDATE dueq_job SET kind = 'k'";
    struct error error = { "" };
    uint64_t affected = 0;
    fixture_insert(&f, 3);
    expect_status(db_execute(f.db, sql, sizeof sql - 1, &affected, &error), DB_OK, error);
    assert_int_equal(affected, 3);
}

static void expect_failure(struct db *db, const char *sql, enum db_status wanted)
{
    struct error error = { "" };
    expect_status(db_run(db, sql, &error), wanted, error);
    assert_int_equal(wanted, db_status_of(db_error_number(db)));
}

static void what_the_data_breaks_is_a_constraint(void **state)
{
    (void) state;
    struct db *db = fixture_open_as(&f, &f.database->producer);
    expect_failure(db, "INSERT INTO dueq_job (kind, payload) VALUES ('', '')", DB_CONSTRAINT);
    expect_failure(db, "INSERT INTO dueq_job (kind, payload, priority) VALUES ('k', '', 10)",
                   DB_CONSTRAINT);
    expect_failure(db, "INSERT INTO dueq_job (kind, payload) VALUES (REPEAT('k', 65), '')",
                   DB_CONSTRAINT);
    expect_failure(db, "INSERT INTO dueq_job (kind, payload) VALUES ('k', NULL)", DB_CONSTRAINT);
    expect_failure(db, "INSERT INTO dueq_job (kind, payload, headers) VALUES ('k', '', '{')",
                   DB_CONSTRAINT);
    expect_failure(db, "INSERT INTO dueq_job (kind, payload, state) VALUES ('k', '', 'no')",
                   DB_CONSTRAINT);
    expect_failure(db,
                   "INSERT INTO dueq_job (kind, payload, next_run_at)"
                   " VALUES ('k', '', '2024-02-30')",
                   DB_CONSTRAINT);
    expect_failure(db,
                   "INSERT INTO dueq_job (kind, payload, unique_key) VALUES ('k', '', 'a'),"
                   " ('k', '', 'a')",
                   DB_CONSTRAINT);
    assert_int_equal(sql_u64(f.admin, "SELECT COUNT(*) FROM dueq_job"), 0);
    db_close(db);
}

static void what_is_not_there_or_not_allowed_is_fatal(void **state)
{
    (void) state;
    expect_failure(f.db, "SELECT * FROM dueq_nothing", DB_FATAL);
    expect_failure(f.db, "SELEC", DB_FATAL);
    expect_failure(f.db, "DELETE FROM dueq_schema", DB_FATAL);
}

static void waiting_too_long_for_a_lock_says_to_try_again(void **state)
{
    (void) state;
    fixture_insert(&f, 1);
    sql_run(f.admin, "BEGIN; UPDATE dueq_job SET attempts = 1");
    expect_failure(f.db, "UPDATE dueq_job SET attempts = 2", DB_RETRY);
    assert_int_equal(db_error_number(f.db), ER_LOCK_WAIT_TIMEOUT);
    sql_run(f.admin, "ROLLBACK");
}

struct statement {
    struct db *db;
    const char *sql;
    enum db_status status;
    struct error error;
};

static void *run_statement(void *arg)
{
    struct statement *statement = arg;
    db_thread_init();
    statement->status = db_run(statement->db, statement->sql, &statement->error);
    db_thread_done();
    return NULL;
}

static pthread_t start_statement(struct statement *statement)
{
    pthread_t thread;
    assert_int_equal(thread_start(&thread, "statement", run_statement, statement), 0);
    return thread;
}

static void a_deadlock_says_to_try_again(void **state)
{
    (void) state;
    struct error error = { "" };
    struct db *other = fixture_open(&f);
    sql_run(f.admin, "INSERT INTO dueq_job (id, kind, payload)"
                     " VALUES (1, 'k', ''), (2, 'k', ''), (3, 'k', '')");
    expect_status(db_run(f.db, "SET innodb_lock_wait_timeout = 50", &error), DB_OK, error);
    expect_status(db_run(other, "SET innodb_lock_wait_timeout = 50", &error), DB_OK, error);
    expect_status(db_run(f.db, "BEGIN", &error), DB_OK, error);
    expect_status(db_run(other, "BEGIN", &error), DB_OK, error);
    /* The one that has written less is the victim: the other one here. */
    expect_status(db_run(f.db, "UPDATE dueq_job SET payload = 'a' WHERE id IN (1, 3)", &error),
                  DB_OK, error);
    expect_status(db_run(other, "UPDATE dueq_job SET payload = 'b' WHERE id = 2", &error), DB_OK,
                  error);

    struct statement statement = { .db = f.db,
                                   .sql = "UPDATE dueq_job SET payload = 'a' WHERE id = 2" };
    pthread_t thread = start_statement(&statement);
    expect_failure(other, "UPDATE dueq_job SET payload = 'b' WHERE id = 1", DB_RETRY);
    assert_int_equal(db_error_number(other), ER_LOCK_DEADLOCK);
    pthread_join(thread, NULL);
    expect_status(statement.status, DB_OK, statement.error);
    db_close(other);
}

static void wait_until_it_sleeps(const struct db *db)
{
    sql_wait_until(f.admin, LIMIT_S,
                   "SELECT COUNT(*) FROM information_schema.processlist"
                   " WHERE id = %llu AND info LIKE '%%SLEEP%%'",
                   (unsigned long long) db_connection_id(db));
}

static void a_connection_killed_within_a_statement_is_lost(void **state)
{
    (void) state;
    struct statement statement = { .db = f.db, .sql = "SELECT SLEEP(600)" };
    pthread_t thread = start_statement(&statement);
    wait_until_it_sleeps(f.db);
    sql_run(f.admin, "KILL %llu", (unsigned long long) db_connection_id(f.db));
    pthread_join(thread, NULL);
    expect_status(statement.status, DB_LOST, statement.error);
    assert_string_not_equal(statement.error.text, "");
    expect_failure(f.db, "SELECT 1", DB_LOST);
}

static void a_connection_killed_between_two_statements_is_lost(void **state)
{
    (void) state;
    sql_run(f.admin, "KILL %llu", (unsigned long long) db_connection_id(f.db));
    sql_wait_until(f.admin, LIMIT_S,
                   "SELECT COUNT(*) = 0 FROM information_schema.processlist WHERE id = %llu",
                   (unsigned long long) db_connection_id(f.db));
    expect_failure(f.db, "SELECT 1", DB_LOST);
    expect_failure(f.db, "SELECT 1", DB_LOST);
}

static void another_thread_can_end_a_statement(void **state)
{
    (void) state;
    struct statement statement = { .db = f.db, .sql = "SELECT SLEEP(600)" };
    pthread_t thread = start_statement(&statement);
    wait_until_it_sleeps(f.db);
    db_abort(f.db);
    pthread_join(thread, NULL);
    expect_status(statement.status, DB_LOST, statement.error);
}

static void
a_statement_larger_than_the_server_takes_is_refused_and_the_connection_lives(void **state)
{
    (void) state;
    struct buffer sql = { 0 };
    struct error error = { "" };
    size_t len = (size_t) db_max_packet(f.db);
    char *text = malloc(len);
    assert_non_null(text);
    memset(text, 'x', len);
    buffer_append_text(&sql, "SELECT LENGTH(");
    db_append_quoted(f.db, &sql, text, len);
    buffer_append_text(&sql, ")");
    expect_status(db_execute_buffer(f.db, &sql, NULL, &error), DB_CONSTRAINT, error);
    expect_words(error.text, "max_allowed_packet");
    buffer_done(&sql);
    free(text);
    expect_status(db_run(f.db, "SELECT 1", &error), DB_OK, error);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_wrong_password_is_said_and_is_not_tried_for_ever),
        cmocka_unit_test(an_unknown_database_is_said),
        cmocka_unit_test(a_user_without_privileges_is_told_that_and_not_what_there_is),
        cmocka_unit_test(no_server_at_the_socket_is_a_lost_connection_that_names_it),
        cmocka_unit_test(no_server_at_the_port_is_a_lost_connection_that_names_the_host),
        cmocka_unit_test(a_connection_through_the_network_works_too),
        cmocka_unit_test(a_session_is_set_up),
        cmocka_unit_test(a_session_is_set_up_whatever_the_servers_defaults_are),
        cmocka_unit_test(any_text_survives_quoting),
        cmocka_unit_test(no_text_is_null),
        cmocka_unit_test_setup(an_update_counts_the_rows_it_matched, clear),
        cmocka_unit_test_setup(what_the_data_breaks_is_a_constraint, clear),
        cmocka_unit_test(what_is_not_there_or_not_allowed_is_fatal),
        cmocka_unit_test_setup(waiting_too_long_for_a_lock_says_to_try_again, clear),
        cmocka_unit_test_setup(a_deadlock_says_to_try_again, clear),
        cmocka_unit_test_setup(a_connection_killed_within_a_statement_is_lost, clear),
        cmocka_unit_test_setup(a_connection_killed_between_two_statements_is_lost, clear),
        cmocka_unit_test_setup(another_thread_can_end_a_statement, clear),
        cmocka_unit_test_setup(
            a_statement_larger_than_the_server_takes_is_refused_and_the_connection_lives, clear),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
