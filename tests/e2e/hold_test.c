#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "daemon.h"
#include "journal.h"
#include "proxy.h"
#include "scene.h"
#include "sql.h"
#include "wait.h"

/* Jobs that run under the row locks of an open transaction: what becomes of them when they take
 * long, and when daemon, server or connection fail them in the middle. */

#define HOLD "claim = \"hold\"; threads = 4; "
#define LONG_HOLD HOLD "hold = \"1s\"; "
#define SLEEP_MS(ms) "'{\"sleep_ms\":" #ms "}'"
#define INSERT_WORK "INSERT INTO dueq_job (kind, payload) VALUES ('work', "

enum { LIMIT = 30 };

static void wait_begun(const struct scene *scene, uint64_t id)
{
    journal_wait_count_of(scene->journal, id, 1, LIMIT);
}

static void expect_run_once_without_a_trace(struct scene *scene, uint64_t id)
{
    scene_wait_all_gone(scene, LIMIT);
    assert_int_equal(journal_count_of(scene->journal, id), 1);
    assert_int_equal(sql_u64(scene->admin, "SELECT COUNT(*) FROM dueq_error"), 0);
    assert_int_equal(sql_u64(scene->admin, "SELECT COUNT(*) FROM dueq_dead"), 0);
}

static void a_job_that_outlasts_its_hold_is_leased_and_runs_on(void **state)
{
    struct scene *scene = *state;
    struct process *daemon = daemon_start(scene_config(scene, HOLD, NULL));
    uint64_t id = scene_insert(scene, INSERT_WORK SLEEP_MS(1500) ")");
    wait_begun(scene, id);
    sql_wait_until(scene->admin, LIMIT,
                   "SELECT lease IS NOT NULL AND attempts = 1 AND next_run_at > NOW(6) +"
                   " INTERVAL 30 SECOND FROM dueq_job");
    expect_run_once_without_a_trace(scene, id);
    daemon_wait_counter(daemon, scene->admin, "done", 1);
    daemon_stop(daemon);
}

static void what_has_not_begun_when_a_hold_ends_is_free_for_others(void **state)
{
    struct scene *scene = *state;
    struct process *busy = daemon_start(
        scene_config(scene, "claim = \"hold\"; threads = 1;", NULL));
    /* So quick that many are claimed at a time, and then one that is not. */
    scene_insert_many(scene, 200, "{}");
    scene_wait_all_gone(scene, LIMIT);
    uint64_t id = scene_insert(scene,
                               "INSERT INTO dueq_job (kind, payload) VALUES ('slow', " SLEEP_MS(
                                   3000) "), ('work', ''), ('work', ''), ('work', '')");
    wait_begun(scene, id);
    /* The slow one has got its lease, and the others are as they were: for whoever is free. */
    sql_wait_until(scene->admin, LIMIT, "SELECT lease IS NOT NULL FROM dueq_job WHERE id = %llu",
                   (unsigned long long) id);
    assert_int_equal(sql_u64(scene->admin, "SELECT COUNT(*) FROM dueq_job WHERE kind = 'work' AND"
                                           " lease IS NULL AND attempts = 0"),
                     3);
    struct process *other = daemon_start(scene_config(scene, HOLD, NULL));
    sql_wait_until(scene->admin, LIMIT, "SELECT COUNT(*) = 1 FROM dueq_job");
    assert_int_equal(journal_count_of(scene->journal_end, id), 0);
    scene_wait_all_gone(scene, LIMIT);
    journal_expect_each_once(scene->journal, 204);
    daemon_stop(busy);
    daemon_stop(other);
}

static void a_daemon_that_is_killed_in_a_hold_costs_no_attempt(void **state)
{
    struct scene *scene = *state;
    const char *config = scene_config(scene, LONG_HOLD, NULL);
    struct process *daemon = daemon_start(config);
    uint64_t id = scene_insert(scene, INSERT_WORK SLEEP_MS(900) ")");
    wait_begun(scene, id);
    process_signal(daemon, SIGKILL);
    process_wait(daemon, LIMIT);
    assert_int_equal(sql_u64(scene->admin, "SELECT attempts FROM dueq_job"), 0);
    daemon = daemon_start(config);
    scene_wait_all_gone(scene, LIMIT);
    assert_int_equal(journal_count_of(scene->journal, id), 2);
    assert_int_equal(sql_u64(scene->admin, "SELECT COUNT(*) FROM dueq_error"), 0);
    daemon_stop(daemon);
}

static void a_last_attempt_is_leased_before_it_begins(void **state)
{
    struct scene *scene = *state;
    struct process *daemon = daemon_start(scene_config(scene, LONG_HOLD, NULL));
    uint64_t id = scene_insert(scene, "INSERT INTO dueq_job (kind, payload, max_attempts) VALUES"
                                      " ('work', " SLEEP_MS(700) ", 1)");
    wait_begun(scene, id);
    assert_int_equal(sql_u64(scene->admin, "SELECT attempts FROM dueq_job"), 1);
    expect_run_once_without_a_trace(scene, id);
    daemon_stop(daemon);
}

static void a_kind_is_held_once_its_handler_is_known_to_be_quick(void **state)
{
    struct scene *scene = *state;
    struct process *daemon = daemon_start(scene_config(scene, "hold = \"500ms\";", NULL));
    for (int i = 0; i < 2; i++) {
        scene_insert_many(scene, 400, "{}");
        scene_wait_all_gone(scene, LIMIT);
    }
    daemon_wait_counter(daemon, scene->admin, "held", 1);
    assert_int_equal(sql_u64(scene->admin, "SELECT JSON_VALUE(status, '$.counters.done') -"
                                           " JSON_VALUE(status, '$.counters.held') >= 20"
                                           " FROM dueq_worker"),
                     1); /* the first ones were leased */
    daemon_stop(daemon);
}

static void leases_alone_hold_nothing(void **state)
{
    struct scene *scene = *state;
    struct process *daemon = daemon_start(scene_config(scene, "claim = \"lease\";", NULL));
    scene_insert_many(scene, 400, "{}");
    scene_wait_all_gone(scene, LIMIT);
    daemon_wait_counter(daemon, scene->admin, "done", 400);
    assert_int_equal(
        sql_u64(scene->admin, "SELECT JSON_VALUE(status, '$.counters.held') FROM dueq_worker"), 0);
    daemon_stop(daemon);
}

static void a_lane_whose_connection_is_killed_in_a_hold_keeps_the_outcomes(void **state)
{
    struct scene *scene = *state;
    struct process *daemon = daemon_start(scene_config(scene, LONG_HOLD, NULL));
    uint64_t id = scene_insert(scene, INSERT_WORK SLEEP_MS(800) ")");
    wait_begun(scene, id);
    /* The connection that has locked the row. */
    uint64_t connection = sql_u64(scene->admin,
                                  "SELECT trx_mysql_thread_id FROM information_schema.innodb_trx"
                                  " WHERE trx_rows_locked > 0 LIMIT 1");
    sql_run(scene->admin, "KILL %llu", (unsigned long long) connection);
    process_expect_line(daemon, "a transaction that held jobs was lost", LIMIT);
    expect_run_once_without_a_trace(scene, id);
    assert_int_equal(process_count(daemon, "an outcome is refused"), 0);
    daemon_stop(daemon);
}

static void a_hold_that_cannot_be_settled_for_a_lock_is_settled_later(void **state)
{
    struct scene *scene = *state;
    struct process *daemon = daemon_start(scene_config(scene, LONG_HOLD, NULL));
    uint64_t id = scene_insert(scene, INSERT_WORK
                               "'{\"sleep_ms\":300,\"outcome\":\"retry\",\"delay_ms\":3600000}')");
    wait_begun(scene, id);
    MYSQL *locker = test_connect(scene->database, NULL);
    sql_run(locker, "LOCK TABLES dueq_error WRITE");
    process_expect_line(daemon, "a transaction that held jobs was lost", LIMIT);
    mysql_close(locker);
    sql_wait_until(scene->admin, LIMIT,
                   "SELECT attempts = 1 AND lease IS NULL AND next_run_at > NOW(6) FROM dueq_job");
    assert_int_equal(sql_u64(scene->admin, "SELECT COUNT(*) FROM dueq_error WHERE attempt = 1"), 1);
    assert_int_equal(sql_u64(scene->admin, "SELECT COUNT(*) FROM dueq_error"), 1);
    assert_int_equal(journal_count_of(scene->journal, id), 1);
    daemon_stop(daemon);
}

struct rival {
    MYSQL *connection;
    char statement[128];
    _Atomic unsigned error;
};

static void *run_rival(void *arg)
{
    struct rival *rival = arg;
    mysql_thread_init();
    rival->error = sql_try(rival->connection, "%s", rival->statement);
    mysql_thread_end();
    return NULL;
}

/* The rival has the gap that the error's row must go into, and waits for the job's row. It has
 * written more, so that the daemon is the victim. */
static void a_hold_that_is_the_victim_of_a_deadlock_keeps_the_outcomes(void **state)
{
    struct scene *scene = *state;
    struct process *daemon = daemon_start(scene_config(scene, LONG_HOLD, NULL));
    struct rival rival = { .connection = test_connect(scene->database, NULL) };
    pthread_t thread;
    sql_run(rival.connection,
            "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ; SET SESSION"
            " innodb_lock_wait_timeout = 20; BEGIN;"
            "INSERT INTO dueq_worker (name, version) VALUES ('rival', '1');"
            "INSERT INTO dueq_worker (name, version) SELECT 'rival', '1' FROM dueq_worker;"
            "INSERT INTO dueq_worker (name, version) SELECT 'rival', '1' FROM dueq_worker;"
            "INSERT INTO dueq_worker (name, version) SELECT 'rival', '1' FROM dueq_worker;"
            "SELECT * FROM dueq_error FORCE INDEX (job) WHERE job_id > 0 FOR UPDATE");
    uint64_t id = scene_insert(scene, INSERT_WORK
                               "'{\"sleep_ms\":500,\"outcome\":\"retry\",\"delay_ms\":3600000}')");
    snprintf(rival.statement, sizeof rival.statement,
             "SELECT id FROM dueq_job WHERE id = %llu FOR UPDATE", (unsigned long long) id);
    wait_begun(scene, id);
    assert_int_equal(pthread_create(&thread, NULL, run_rival, &rival), 0);
    process_expect_line(daemon, "a transaction that held jobs was lost", LIMIT);
    pthread_join(thread, NULL);
    assert_int_equal(rival.error, 0);
    sql_run(rival.connection, "ROLLBACK");
    mysql_close(rival.connection);
    sql_wait_until(scene->admin, LIMIT,
                   "SELECT attempts = 1 AND lease IS NULL AND next_run_at > NOW(6) FROM dueq_job");
    assert_int_equal(sql_u64(scene->admin, "SELECT COUNT(*) FROM dueq_error"), 1);
    assert_int_equal(journal_count_of(scene->journal, id), 1);
    daemon_stop(daemon);
}

/* As if its host or the network were gone: the server hears nothing, and nothing is closed. */
static void what_a_vanished_daemon_held_is_free_when_the_server_gives_it_up(void **state)
{
    struct scene *scene = *state;
    const char *config = scene_config(scene, LONG_HOLD, NULL);
    struct process *vanished = daemon_start(config);
    uint64_t id = scene_insert(scene, INSERT_WORK SLEEP_MS(600) ")");
    wait_begun(scene, id);
    process_signal(vanished, SIGSTOP);
    struct process *other = daemon_start(config);
    journal_wait_count_of(scene->journal, id, 2, LIMIT);
    scene_wait_all_gone(scene, LIMIT);
    process_signal(vanished, SIGCONT);
    process_expect_line(vanished, "an outcome is refused", LIMIT);
    assert_int_equal(sql_u64(scene->admin, "SELECT COUNT(*) FROM dueq_error"), 0);
    daemon_stop(vanished);
    daemon_stop(other);
}

/* The daemon on the proxy. */
static struct process *start_behind(const struct scene *scene, struct proxy *proxy,
                                    const char *queue)
{
    struct test_server server = *scene->database->server;
    struct test_database database = *scene->database;
    struct scene behind = *scene;
    snprintf(server.socket, sizeof server.socket, "%s", proxy_socket(proxy));
    database.server = &server;
    behind.database = &database;
    return daemon_start(scene_config(&behind, queue, NULL));
}

static void cut_the_commit(struct scene *scene, const char *queue, const char *payload,
                           const char *earlier, enum proxy_cut cut)
{
    struct proxy *proxy = proxy_new(scene->database->server);
    struct process *daemon = start_behind(scene, proxy, queue);
    proxy_arm(proxy, earlier, "COMMIT", cut);
    uint64_t id = scene_insert(scene, INSERT_WORK "'%s')", payload);
    expect_run_once_without_a_trace(scene, id);
    assert_int_equal(proxy_cuts(proxy), 1);
    assert_int_equal(process_count(daemon, "an outcome is refused"), 0);
    /* It works on. */
    id = scene_insert(scene, INSERT_WORK "'')");
    expect_run_once_without_a_trace(scene, id);
    daemon_stop(daemon);
    proxy_free(proxy);
}

static void a_settle_whose_commit_was_not_answered_is_not_done_again(void **state)
{
    cut_the_commit(*state, HOLD, "{}", "DELETE j", PROXY_CUT_AFTER);
}

static void a_settle_whose_commit_never_arrived_is_done_again(void **state)
{
    cut_the_commit(*state, HOLD, "{}", "DELETE j", PROXY_CUT_BEFORE);
}

static void a_job_that_runs_goes_on_under_a_lease_that_was_committed_unanswered(void **state)
{
    cut_the_commit(*state, HOLD, "{\"sleep_ms\":1500}", "UPDATE", PROXY_CUT_AFTER);
}

/* Its row is due and free again while it runs: it must be taken for what it is. */
static void a_job_that_runs_is_not_run_twice_when_its_lease_was_not_committed(void **state)
{
    cut_the_commit(*state, HOLD, "{\"sleep_ms\":1500}", "UPDATE", PROXY_CUT_BEFORE);
}

static void a_lease_whose_commit_was_not_answered_is_given_back_and_run(void **state)
{
    cut_the_commit(*state, "claim = \"lease\";", "{}", "UPDATE", PROXY_CUT_AFTER);
}

static void a_lease_whose_commit_never_arrived_is_claimed_again(void **state)
{
    cut_the_commit(*state, "claim = \"lease\";", "{}", "UPDATE", PROXY_CUT_BEFORE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENE_TEST(a_job_that_outlasts_its_hold_is_leased_and_runs_on),
        SCENE_TEST(what_has_not_begun_when_a_hold_ends_is_free_for_others),
        SCENE_TEST(a_daemon_that_is_killed_in_a_hold_costs_no_attempt),
        SCENE_TEST(a_last_attempt_is_leased_before_it_begins),
        SCENE_TEST(a_kind_is_held_once_its_handler_is_known_to_be_quick),
        SCENE_TEST(leases_alone_hold_nothing),
        SCENE_TEST(a_lane_whose_connection_is_killed_in_a_hold_keeps_the_outcomes),
        SCENE_TEST(a_hold_that_cannot_be_settled_for_a_lock_is_settled_later),
        SCENE_TEST(a_hold_that_is_the_victim_of_a_deadlock_keeps_the_outcomes),
        SCENE_TEST(what_a_vanished_daemon_held_is_free_when_the_server_gives_it_up),
        SCENE_TEST(a_settle_whose_commit_was_not_answered_is_not_done_again),
        SCENE_TEST(a_settle_whose_commit_never_arrived_is_done_again),
        SCENE_TEST(a_job_that_runs_goes_on_under_a_lease_that_was_committed_unanswered),
        SCENE_TEST(a_job_that_runs_is_not_run_twice_when_its_lease_was_not_committed),
        SCENE_TEST(a_lease_whose_commit_was_not_answered_is_given_back_and_run),
        SCENE_TEST(a_lease_whose_commit_never_arrived_is_claimed_again),
    };
    return SCENE_RUN(tests);
}
