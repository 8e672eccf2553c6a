#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "daemon.h"
#include "journal.h"
#include "scene.h"
#include "sql.h"

/* How a daemon ends. */

enum { LONG = 3600 };

static void insert_sleeping(struct scene *scene, unsigned count, unsigned ms)
{
    char payload[64];
    snprintf(payload, sizeof payload, "{\"sleep_ms\":%u}", ms);
    scene_insert_many(scene, count, payload);
}

static void sigterm_lets_running_jobs_end_and_gives_back_the_others(void **state)
{
    struct scene *scene = *state;
    /* A batch that is far more than two threads can begin: what waits is given back, and its lease
     * of an hour is not what another daemon waits for. */
    const char *config = scene_config(scene, "threads = 2; lease = \"1h\";", NULL);
    struct process *daemon = daemon_start(config);
    insert_sleeping(scene, 100, 50);
    journal_wait_count(scene->journal, 20, 20);
    daemon_stop(daemon);

    size_t begun = journal_count(scene->journal);
    assert_int_equal(journal_count(scene->journal_end), begun);
    assert_int_equal(sql_u64(scene->admin, "SELECT COUNT(*) FROM dueq_job"), 100 - begun);
    assert_int_equal(sql_u64(scene->admin,
                             "SELECT COUNT(*) FROM dueq_job WHERE lease IS NOT NULL OR "
                             "attempts > 0 OR next_run_at > NOW(6)"),
                     0);
    daemon = daemon_start(config);
    scene_wait_all_gone(scene, 30);
    journal_expect_each_once(scene->journal, 100);
    assert_int_equal(sql_u64(scene->admin, "SELECT COUNT(*) FROM dueq_error"), 0);
    daemon_stop(daemon);
}

static void a_job_that_does_not_end_within_drain_is_asked_to_stop_and_given_back(void **state)
{
    struct scene *scene = *state;
    struct process *daemon = daemon_start(
        scene_config(scene, "timeout = \"1h\"; lease = \"1h\";", "drain = \"1s\";"));
    insert_sleeping(scene, 3, LONG * 1000);
    scene_insert_many(scene, 1, "{\"sleep_ms\":3600000,\"outcome\":\"pending\"}");
    journal_wait_count(scene->journal, 4, 20);
    process_signal(daemon, SIGTERM);
    process_expect_line(daemon, "jobs still run, they are asked to stop", 20);
    assert_int_equal(process_wait(daemon, 20), 0);
    /* Given back uncharged: it is no fault of theirs. */
    assert_int_equal(journal_count(scene->journal_end), 4);
    assert_int_equal(sql_u64(scene->admin, "SELECT COUNT(*) FROM dueq_job WHERE lease IS NULL AND "
                                           "attempts = 0 AND next_run_at <= NOW(6)"),
                     4);
    assert_int_equal(sql_u64(scene->admin, "SELECT COUNT(*) FROM dueq_error"), 0);
}

static void a_second_sigterm_does_not_wait_for_the_drain(void **state)
{
    struct scene *scene = *state;
    struct process *daemon = daemon_start(
        scene_config(scene, "timeout = \"1h\"; lease = \"1h\";", "drain = \"1h\";"));
    insert_sleeping(scene, 2, LONG * 1000);
    journal_wait_count(scene->journal, 2, 20);
    process_signal(daemon, SIGTERM);
    process_expect_line(daemon, "stopping: ", 20);
    process_signal(daemon, SIGTERM);
    assert_int_equal(process_wait(daemon, 20), 0);
    assert_int_equal(journal_count(scene->journal_end), 2);
    assert_int_equal(sql_u64(scene->admin, "SELECT COUNT(*) FROM dueq_job WHERE lease IS NULL"), 2);
}

static const char *stubborn_config(struct scene *scene, const char *drain)
{
    scene->handlers = daemon_handlers((const char *const[]){ "stubborn", "noop", NULL });
    return scene_config_text(scene,
                             "queues = ( { name = \"default\"; poll = \"10ms\"; threads = 2; lease "
                             "= \"1s\"; } ); drain = \"%s\"; kinds = ( %s );",
                             drain, scene_noop(scene, "work"));
}

static void a_handler_that_does_not_stop_does_not_hold_the_daemon_for_ever(void **state)
{
    struct scene *scene = *state;
    const char *config = stubborn_config(scene, "1s");
    struct process *daemon = daemon_start(config);
    scene_insert(scene, "INSERT INTO dueq_job (kind, payload) VALUES ('stubborn', '1000')");
    /* Done, but not settled by the one batch that the stubborn one is in. */
    uint64_t id = scene_insert(scene, "INSERT INTO dueq_job (kind, payload) VALUES ('work', '')");
    journal_wait_count_of(scene->journal, id, 1, 20);
    daemon_stop(daemon);
    assert_int_equal(process_count(daemon, "leaving jobs behind that do not stop"), 1);
    assert_int_equal(sql_u64(scene->admin, "SELECT COUNT(*) FROM dueq_worker"), 0);
    assert_int_equal(sql_u64(scene->admin, "SELECT COUNT(*) FROM dueq_job WHERE kind = 'work'"), 0);

    /* Its lease ends, and the next daemon has it. */
    sql_run(scene->admin, "UPDATE dueq_job SET payload = '0'");
    daemon = daemon_start(config);
    scene_wait_all_gone(scene, 20);
    assert_int_equal(sql_u64(scene->admin, "SELECT COUNT(*) FROM dueq_error WHERE attempt = 1"), 1);
    daemon_stop(daemon);
}

static void a_third_sigterm_leaves_at_once(void **state)
{
    struct scene *scene = *state;
    struct process *daemon = daemon_start(stubborn_config(scene, "1h"));
    scene_insert(scene, "INSERT INTO dueq_job (kind, payload) VALUES ('stubborn', '1000')");
    sql_wait_until(scene->admin, 20, "SELECT lease IS NOT NULL FROM dueq_job");
    process_signal(daemon, SIGTERM);
    process_expect_line(daemon, "stopping: ", 20);
    process_signal(daemon, SIGTERM);
    process_expect_line(daemon, "they are asked to stop", 20);
    process_signal(daemon, SIGINT);
    assert_int_equal(process_wait(daemon, 20), 0);
}

static void what_is_claimed_while_the_daemon_stops_is_given_back(void **state)
{
    struct scene *scene = *state;
    struct process *daemon = daemon_start(
        scene_config(scene, "timeout = \"1h\"; lease = \"1h\";", "drain = \"1h\";"));
    /* A lane is in the middle of looking for jobs when the daemon is told to stop. */
    MYSQL *locker = test_connect(scene->database, NULL);
    sql_run(locker, "LOCK TABLES dueq_job WRITE; INSERT INTO dueq_job (kind, payload) VALUES "
                    "('work', '{\"sleep_ms\":3600000}')");
    sql_wait_until(scene->admin, 20,
                   "SELECT COUNT(*) FROM information_schema.processlist WHERE user = '%s' AND "
                   "state = 'Waiting for table metadata lock'",
                   scene->database->daemon.user);
    process_signal(daemon, SIGTERM);
    process_expect_line(daemon, "stopping: ", 20);
    mysql_close(locker);
    assert_int_equal(process_wait(daemon, 20), 0);
    assert_int_equal(sql_u64(scene->admin, "SELECT COUNT(*) FROM dueq_job WHERE lease IS NULL AND "
                                           "attempts = 0 AND next_run_at <= NOW(6)"),
                     1);
    assert_int_equal(journal_count(scene->journal), 0);
}

static void sigterm_in_the_middle_of_many_jobs_loses_and_doubles_nothing(void **state)
{
    struct scene *scene = *state;
    enum { JOBS = 3000, ROUNDS = 6 };
    const char *config = scene_config(scene, "threads = 4;", NULL);
    scene_insert_many(scene, JOBS, "{\"sleep_ms\":1}");
    for (int i = 1; i <= ROUNDS; i++) {
        struct process *daemon = daemon_start(config);
        journal_wait_count(scene->journal, (size_t) (i * JOBS / (ROUNDS + 1)), 30);
        daemon_stop(daemon);
        assert_int_equal(
            sql_u64(scene->admin, "SELECT COUNT(*) FROM dueq_job WHERE lease IS NOT NULL"), 0);
    }
    struct process *daemon = daemon_start(config);
    scene_wait_all_gone(scene, 30);
    journal_expect_each_once(scene->journal, JOBS);
    assert_int_equal(sql_u64(scene->admin, "SELECT COUNT(*) FROM dueq_error"), 0);
    daemon_stop(daemon);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENE_TEST(sigterm_lets_running_jobs_end_and_gives_back_the_others),
        SCENE_TEST(a_job_that_does_not_end_within_drain_is_asked_to_stop_and_given_back),
        SCENE_TEST(a_second_sigterm_does_not_wait_for_the_drain),
        SCENE_TEST(a_handler_that_does_not_stop_does_not_hold_the_daemon_for_ever),
        SCENE_TEST(a_third_sigterm_leaves_at_once),
        SCENE_TEST(what_is_claimed_while_the_daemon_stops_is_given_back),
        SCENE_TEST(sigterm_in_the_middle_of_many_jobs_loses_and_doubles_nothing),
    };
    return SCENE_RUN(tests);
}
