#include "fixture.h"

#include <string.h>

#include "arrivals.h"
#include "binlog.h"
#include "clock.h"
#include "server.h"
#include "thread.h"
#include "wait.h"

/* The binlog of a real server, followed as the daemon's user: what is written to the tables comes
 * out as arrivals. The server is these tests' own, since its logs are rotated, purged and reset. */

static struct test_server *server;
static struct fixture f;
static struct db *follower; /* the connection whose only use is the stream */
static struct binlog *binlog;
static struct arrivals arrivals;

enum { HEARTBEAT_US = 100000 };

static int set_up(void **state)
{
    (void) state;
    server = test_server_new(NULL);
    fixture_set_up_on(&f, server);
    test_database_grant_doorbell(f.database);
    return 0;
}

static int tear_down(void **state)
{
    (void) state;
    fixture_tear_down(&f);
    test_server_free(server);
    return 0;
}

static void close_stream(void)
{
    binlog_close(binlog);
    db_close(follower);
    binlog = NULL;
    follower = NULL;
}

static void open_stream(void)
{
    struct error error = { "" };
    enum binlog_trouble trouble;
    close_stream();
    follower = fixture_open(&f);
    expect_status(arrivals_open(&arrivals, follower, &error), DB_OK, error);
    assert_int_equal(arrivals.column_count, 15);
    expect_status(binlog_open(follower, HEARTBEAT_US, &binlog, &trouble, &error), DB_OK, error);
    arrivals_begin(&arrivals);
}

static int begin(void **state)
{
    (void) state;
    fixture_clear(&f);
    open_stream();
    return 0;
}

static int end(void **state)
{
    (void) state;
    close_stream();
    return 0;
}

static enum db_status next(bool *ret_arrived, enum binlog_trouble *ret_trouble, struct error *error)
{
    const unsigned char *event;
    size_t len;
    enum db_status status = binlog_next(binlog, &event, &len, ret_trouble, error);
    *ret_arrived = status == DB_OK && arrivals_read(&arrivals, event, len);
    return status;
}

/* Until something has arrived. */
static void wait_arrival(void)
{
    int64_t until_us = clock_now_us() + LIMIT_S * INT64_C(1000000);
    bool arrived = false;
    while (!arrived) {
        struct error error = { "" };
        enum binlog_trouble trouble;
        expect_status(next(&arrived, &trouble, &error), DB_OK, error);
        if (clock_now_us() > until_us)
            test_fail("nothing arrives");
    }
}

static void expect_arrival(const char *queue, uint64_t jobs)
{
    wait_arrival();
    assert_false(arrivals.anything);
    assert_false(arrivals.control);
    assert_int_equal(arrivals.queue_count, 1);
    assert_string_equal(arrivals.queues[0].queue, queue);
    assert_int_equal(arrivals.queues[0].jobs, jobs);
}

static void insert(const char *queue)
{
    sql_run(f.admin, "INSERT INTO dueq_job (queue, kind, payload) VALUES ('%s', 'k', '{}')", queue);
}

static void a_job_arrives_with_its_queue_and_its_time(void **state)
{
    (void) state;
    sql_run(f.admin, "INSERT INTO dueq_job (queue, kind, payload, next_run_at) VALUES ('later', "
                     "'k', '{}', NOW(6) + INTERVAL 1 HOUR)");
    expect_arrival("later", 1);
    assert_int_equal(arrivals.queues[0].first_us,
                     sql_u64(f.admin, "SELECT CAST(UNIX_TIMESTAMP(next_run_at) * 1000000 AS "
                                      "UNSIGNED) FROM dueq_job"));
    assert_in_range(sql_u64(f.admin, "SELECT UNIX_TIMESTAMP()") - (uint64_t) arrivals.committed_s,
                    0, LIMIT_S);
}

static void what_is_rolled_back_does_not_arrive(void **state)
{
    (void) state;
    sql_run(f.admin, "START TRANSACTION");
    insert("never");
    sql_run(f.admin, "ROLLBACK");
    insert("ever");
    expect_arrival("ever", 1);
}

static void what_daemons_do_while_they_run_jobs_does_not_arrive_but_a_retry_does(void **state)
{
    (void) state;
    sql_run(f.admin, "INSERT INTO dueq_job (kind, payload) VALUES ('k', ''), ('k', ''), ('k', '')");
    expect_arrival("default", 3);
    struct claim claim = fixture_lease(&f, 3, 1);
    struct outcome outcomes[] = { fixture_outcome(&claim.items[0].job, OUTCOME_DONE),
                                  fixture_outcome(&claim.items[1].job, OUTCOME_DONE) };
    fixture_settle(&f, outcomes, 2);
    insert("marker");
    expect_arrival("marker", 1);
    fixture_settle_one(&f, fixture_outcome(&claim.items[2].job, OUTCOME_RETRY));
    expect_arrival("default", 1);
    uint64_t now_us = sql_u64(f.admin, "SELECT CAST(UNIX_TIMESTAMP(NOW(6)) * 1000000 AS UNSIGNED)");
    assert_true(arrivals.queues[0].first_us > (int64_t) now_us); /* in an hour */
}

static void a_change_of_the_settings_arrives(void **state)
{
    (void) state;
    sql_run(f.admin, "INSERT INTO dueq_queue (queue, paused) VALUES ('default', 1)");
    wait_arrival();
    assert_true(arrivals.control);
    assert_int_equal(arrivals.queue_count, 0);
}

static void other_databases_do_not_arrive(void **state)
{
    (void) state;
    struct test_database *other = test_database_new_on(server);
    open_stream(); /* after the statements that made it, which could be about ours */
    sql_run(other->admin, "INSERT INTO dueq_job (kind, payload) VALUES ('k', '')");
    insert("ours");
    expect_arrival("ours", 1);
    test_database_free(other);
}

static void the_stream_goes_on_over_rotations_and_purges(void **state)
{
    (void) state;
    for (int i = 0; i < 3; i++) {
        sql_run(f.admin, "FLUSH BINARY LOGS");
        insert("rotated");
        expect_arrival("rotated", 1);
        sql_run(f.admin, "PURGE BINARY LOGS BEFORE NOW() + INTERVAL 1 DAY");
    }
}

static void checksums_are_understood_however_the_server_has_them(void **state)
{
    (void) state;
    static const char *const checksums[] = { "NONE", "CRC32" };
    for (int i = 0; i < 2; i++) {
        sql_run(f.admin, "SET GLOBAL binlog_checksum = %s", checksums[i]);
        insert("old_stream");
        expect_arrival("old_stream", 1);
        open_stream();
        insert("new_stream");
        expect_arrival("new_stream", 1);
    }
}

/* However a server or a session logs, a job arrives: if not by its queue's name, then as anything.
 */
static void however_it_is_logged_a_job_arrives(void **state)
{
    (void) state;
    bool mariadb = db_is_mariadb(f.db);
    const char *const settings[] = {
        "SET binlog_row_image = MINIMAL",
        "SET binlog_row_image = NOBLOB",
        mariadb ? "SET binlog_annotate_row_events = ON" : "SET binlog_rows_query_log_events = ON",
        "SET GLOBAL binlog_row_metadata = FULL",
        mariadb ? "SET GLOBAL log_bin_compress = ON" : "SET binlog_transaction_compression = ON",
        "SET binlog_format = MIXED",
    };
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++) {
        MYSQL *session = test_connect(f.database, NULL);
        sql_run(session, "%s", settings[i]);
        sql_run(session, "INSERT INTO dueq_job (kind, payload) VALUES ('k', REPEAT('x', 1000))");
        wait_arrival();
        print_message("             %s: %s\n", settings[i],
                      arrivals.anything ? "anything" : arrivals.queues[0].queue);
        assert_true(arrivals.anything || (arrivals.queue_count == 1 &&
                                          strcmp(arrivals.queues[0].queue, "default") == 0));
        if (i >= 1 && i <= 3) /* these can be read closely; a minimal image lacks the default */
            assert_false(arrivals.anything);
        mysql_close(session);
    }
    sql_run(f.admin, "SET GLOBAL binlog_row_metadata = %s", mariadb ? "NO_LOG" : "MINIMAL");
    if (mariadb)
        sql_run(f.admin, "SET GLOBAL log_bin_compress = OFF");
}

static void a_large_transaction_arrives_as_one(void **state)
{
    (void) state;
    sql_run(f.admin, "START TRANSACTION");
    fixture_insert(&f, 5000);
    sql_run(f.admin, "COMMIT");
    expect_arrival("default", 5000);
    sql_run(f.admin, "INSERT INTO dueq_job (kind, payload) VALUES ('k', REPEAT('x', 9000000)), "
                     "('k', REPEAT('x', 9000000))");
    expect_arrival("default", 2);
}

static void a_server_that_writes_nothing_is_heard_of_all_the_same(void **state)
{
    (void) state;
    for (int i = 0; i < 10; i++) { /* more than a stream begins with */
        struct error error = { "" };
        enum binlog_trouble trouble;
        bool arrived;
        expect_status(next(&arrived, &trouble, &error), DB_OK, error);
        assert_false(arrived);
    }
}

static void *abort_it(void *arg)
{
    db_abort(arg);
    return NULL;
}

static enum db_status follow_to_its_end(enum binlog_trouble *ret_trouble, struct error *error)
{
    enum db_status status;
    bool arrived;
    do
        status = next(&arrived, ret_trouble, error);
    while (status == DB_OK);
    return status;
}

static void another_thread_can_end_the_wait(void **state)
{
    (void) state;
    struct error error = { "" };
    enum binlog_trouble trouble;
    pthread_t thread;
    assert_int_equal(thread_start(&thread, "abort", abort_it, follower), 0);
    expect_status(follow_to_its_end(&trouble, &error), DB_LOST, error);
    pthread_join(thread, NULL);
}

static void a_server_that_stops_is_a_lost_connection(void **state)
{
    (void) state;
    struct error error = { "" };
    enum binlog_trouble trouble;
    test_server_stop(server);
    expect_status(follow_to_its_end(&trouble, &error), DB_LOST, error);
    test_server_start(server);
    close_stream();
    db_close(f.db);
    mysql_close(f.admin);
    f.admin = f.database->admin = test_connect(f.database, NULL);
    f.db = fixture_open(&f);
    open_stream();
    insert("again");
    expect_arrival("again", 1);
}

static void who_may_not_follow_is_told_so(void **state)
{
    (void) state;
    struct error error = { "" };
    enum binlog_trouble trouble = BINLOG_NO_TROUBLE;
    const char *user = f.database->daemon.user;

    expect_status(binlog_try(f.db, &trouble, &error), DB_OK, error);
    sql_run(f.admin, "REVOKE REPLICATION SLAVE ON *.* FROM '%s'@'%%'", user);
    fixture_clear(&f); /* a new connection: what one may do everywhere is asked when it begins */
    expect_status(binlog_try(f.db, &trouble, &error), DB_FATAL, error);
    assert_int_equal(trouble, BINLOG_DENIED);
    sql_run(f.admin, "REVOKE REPLICATION CLIENT ON *.* FROM '%s'@'%%'", user);
    fixture_clear(&f);
    expect_status(binlog_try(f.db, &trouble, &error), DB_FATAL, error);
    assert_int_equal(trouble, BINLOG_DENIED);
    test_database_grant_doorbell(f.database);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(a_job_arrives_with_its_queue_and_its_time),
        TEST(what_is_rolled_back_does_not_arrive),
        TEST(what_daemons_do_while_they_run_jobs_does_not_arrive_but_a_retry_does),
        TEST(a_change_of_the_settings_arrives),
        TEST(other_databases_do_not_arrive),
        TEST(the_stream_goes_on_over_rotations_and_purges),
        TEST(checksums_are_understood_however_the_server_has_them),
        TEST(however_it_is_logged_a_job_arrives),
        TEST(a_large_transaction_arrives_as_one),
        TEST(a_server_that_writes_nothing_is_heard_of_all_the_same),
        TEST(another_thread_can_end_the_wait),
        TEST(a_server_that_stops_is_a_lost_connection),
        TEST(who_may_not_follow_is_told_so),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
