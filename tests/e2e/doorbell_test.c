#include <stdio.h>
#include <string.h>

#include "daemon.h"
#include "journal.h"
#include "scene.h"
#include "sql.h"
#include "wait.h"

/* The binlog as a doorbell. The queues are polled each hour here, so what runs was rung for. */

static struct test_server *server; /* of these tests alone: it is restarted, and its logs purged */

static int open_all(void **state)
{
    server = test_server_new(NULL);
    struct scene *scene = scene_new_on(server);
    test_database_grant_doorbell(scene->database);
    *state = scene;
    return 0;
}

static int close_all(void **state)
{
    scene_free(*state);
    test_server_free(server);
    return 0;
}

static const char *config(struct scene *scene)
{
    scene->source = "doorbell = \"binlog\";";
    return scene_config_text(scene,
                             "queues = ( { name = \"default\"; poll = \"1h\"; }, { name = "
                             "\"other\"; poll = \"1h\"; } ); kinds = ( %s );",
                             scene_noop(scene, "*"));
}

struct wanted {
    struct process *daemon;
    const char *line;
    unsigned times;
};

static bool was_said(void *userdata)
{
    struct wanted *wanted = userdata;
    return process_count(wanted->daemon, wanted->line) >= wanted->times;
}

/* By counting: it may come before the daemon says that it is ready, or after. */
static void expect_said(struct process *daemon, const char *line, unsigned times)
{
    struct wanted wanted = { daemon, line, times };
    if (!wait_until(was_said, &wanted, 60))
        test_fail("\"%s\" was not said %u times:\n%s", line, times, process_stderr(daemon));
}

static void expect_works(struct process *daemon, unsigned times)
{
    expect_said(daemon, "the doorbell works: source=main", times);
}

static struct process *start(struct scene *scene)
{
    struct process *daemon = daemon_start(config(scene));
    expect_works(daemon, 1);
    return daemon;
}

static uint64_t insert(struct scene *scene, const char *queue)
{
    return scene_insert(
        scene, "INSERT INTO dueq_job (queue, kind, payload) VALUES ('%s', 'work', '')", queue);
}

static void expect_run(struct scene *scene, uint64_t id)
{
    journal_wait_count_of(scene->journal, id, 1, 20);
}

static void a_job_runs_at_once_although_its_queue_is_hardly_ever_polled(void **state)
{
    struct scene *scene = *state;
    struct process *daemon = start(scene);
    for (int i = 0; i < 50; i++)
        expect_run(scene, insert(scene, i % 2 ? "default" : "other"));
    scene_wait_all_gone(scene, 20);
    daemon_stop(daemon);
}

static void a_job_that_was_there_before_the_doorbell_runs_too(void **state)
{
    struct scene *scene = *state;
    uint64_t id = insert(scene, "other");
    struct process *daemon = start(scene);
    expect_run(scene, id);
    daemon_stop(daemon);
}

static void a_delayed_job_runs_at_its_time(void **state)
{
    struct scene *scene = *state;
    struct process *daemon = start(scene);
    uint64_t soon = scene_insert(scene, "INSERT INTO dueq_job (kind, payload, next_run_at) VALUES "
                                        "('work', '', NOW(6) + INTERVAL 300000 MICROSECOND)");
    uint64_t later = scene_insert(scene, "INSERT INTO dueq_job (kind, payload, next_run_at) VALUES "
                                         "('work', '', NOW(6) + INTERVAL 3 SECOND)");
    expect_run(scene, soon);
    assert_int_equal(journal_count_of(scene->journal, later), 0);
    expect_run(scene, later);
    scene_wait_all_gone(scene, 20);
    daemon_stop(daemon);
}

static void a_job_that_is_made_due_earlier_runs_then(void **state)
{
    struct scene *scene = *state;
    struct process *daemon = start(scene);
    uint64_t id = scene_insert(scene, "INSERT INTO dueq_job (kind, payload, next_run_at) VALUES "
                                      "('work', '', NOW(6) + INTERVAL 1 DAY)");
    sql_run(scene->producer,
            "UPDATE dueq_job SET next_run_at = NOW(6) WHERE id = %llu AND lease IS NULL",
            (unsigned long long) id);
    expect_run(scene, id);
    daemon_stop(daemon);
}

static void a_job_of_an_open_transaction_runs_after_its_commit(void **state)
{
    struct scene *scene = *state;
    struct process *daemon = start(scene);
    sql_run(scene->producer, "START TRANSACTION");
    uint64_t mine = insert(scene, "default");
    MYSQL *producer = test_connect(scene->database, &scene->database->producer);
    sql_run(producer, "INSERT INTO dueq_job (kind, payload) VALUES ('work', '')");
    expect_run(scene, mysql_insert_id(producer));
    assert_int_equal(journal_count_of(scene->journal, mine), 0);
    sql_run(scene->producer, "COMMIT");
    expect_run(scene, mine);
    mysql_close(producer);
    daemon_stop(daemon);
}

static void what_fails_is_run_again_when_its_retry_is_due(void **state)
{
    struct scene *scene = *state;
    struct process *daemon = start(scene);
    uint64_t id = scene_insert(scene, "INSERT INTO dueq_job (kind, payload) VALUES ('work', "
                                      "'{\"fail_times\":1}')");
    journal_wait_count_of(scene->journal, id, 2, 20);
    scene_wait_all_gone(scene, 20);
    daemon_stop(daemon);
}

static void a_flood_of_jobs_is_run_each_once(void **state)
{
    struct scene *scene = *state;
    enum { JOBS = 5000 };
    struct process *daemon = start(scene);
    for (int i = 0; i < 200; i++)
        insert(scene, "other");
    scene_insert_many(scene, JOBS - 200, "");
    scene_wait_all_gone(scene, 60);
    journal_expect_each_once(scene->journal, JOBS);
    daemon_stop(daemon);
}

static void a_queue_that_is_resumed_goes_on_at_once(void **state)
{
    struct scene *scene = *state;
    MYSQL *operator= test_connect(scene->database, &scene->database->operator);
    sql_run(operator, "INSERT INTO dueq_queue (queue, paused) VALUES ('default', 1)");
    struct process *daemon = start(scene);
    uint64_t waiting = insert(scene, "default");
    expect_run(scene, insert(scene, "other"));
    assert_int_equal(journal_count_of(scene->journal, waiting), 0);
    sql_run(operator, "UPDATE dueq_queue SET paused = 0");
    expect_run(scene, waiting);
    mysql_close(operator);
    daemon_stop(daemon);
}

/* After a restart the connections of the scene are gone, too. */
static void connect_again(struct scene *scene)
{
    mysql_close(scene->producer);
    mysql_close(scene->database->admin);
    scene->admin = scene->database->admin = test_connect(scene->database, NULL);
    scene->producer = test_connect(scene->database, &scene->database->producer);
}

static void it_rings_on_after_rotations_and_purged_logs(void **state)
{
    struct scene *scene = *state;
    struct process *daemon = start(scene);
    for (int i = 0; i < 5; i++) {
        sql_run(scene->admin, "FLUSH BINARY LOGS");
        expect_run(scene, insert(scene, "default"));
    }
    sql_run(scene->admin, "PURGE BINARY LOGS BEFORE NOW() + INTERVAL 1 DAY");
    expect_run(scene, insert(scene, "default"));
    assert_int_equal(process_count(daemon, "the doorbell works"), 1);
    daemon_stop(daemon);
}

static void it_rings_on_when_the_checksums_are_turned_off_and_on(void **state)
{
    struct scene *scene = *state;
    static const char *const checksums[] = { "NONE", "CRC32" };
    struct process *daemon = start(scene);
    for (int i = 0; i < 2; i++) {
        sql_run(scene->admin, "SET GLOBAL binlog_checksum = %s", checksums[i]);
        expect_run(scene, insert(scene, "other"));
        struct process *second = i ? NULL : start(scene); /* one that begins without them */
        expect_run(scene, insert(scene, "default"));
        if (second)
            daemon_stop(second);
    }
    daemon_stop(daemon);
}

static void it_comes_back_when_its_connection_is_killed(void **state)
{
    struct scene *scene = *state;
    struct process *daemon = start(scene);
    sql_wait_until(scene->admin, 20,
                   "SELECT COUNT(*) FROM information_schema.processlist WHERE command LIKE 'Binlog "
                   "Dump%%'");
    uint64_t id = sql_u64(scene->admin, "SELECT MAX(id) FROM information_schema.processlist WHERE "
                                        "command LIKE 'Binlog Dump%%'");
    sql_run(scene->admin, "KILL %llu", (unsigned long long) id);
    uint64_t lost = insert(scene, "default"); /* before it is back, or after */
    expect_works(daemon, 2);
    expect_run(scene, lost);
    expect_run(scene, insert(scene, "default"));
    daemon_stop(daemon);
}

/* That may have come to another server, after a failover. */
static void it_connects_anew_when_the_keeper_does(void **state)
{
    struct scene *scene = *state;
    struct process *daemon = start(scene);
    uint64_t id = sql_u64(
        scene->admin,
        "SELECT MIN(id) FROM information_schema.processlist WHERE db = DATABASE() AND user = '%s'",
        scene->database->daemon.user); /* it connects before it lets the lanes */
    sql_run(scene->admin, "KILL %llu", (unsigned long long) id);
    uint64_t job = insert(scene, "default");
    expect_works(daemon, 2);
    expect_run(scene, job);
    expect_run(scene, insert(scene, "other"));
    daemon_stop(daemon);
}

static void it_comes_back_with_a_server_that_was_restarted(void **state)
{
    struct scene *scene = *state;
    struct process *daemon = start(scene);
    expect_run(scene, insert(scene, "default"));
    test_server_stop(server);
    test_server_start(server);
    connect_again(scene);
    uint64_t lost = insert(scene, "default");
    expect_works(daemon, 2);
    expect_run(scene, lost);
    expect_run(scene, insert(scene, "other"));
    daemon_stop(daemon);
}

static void it_comes_back_when_the_logs_are_gone(void **state)
{
    struct scene *scene = *state;
    struct process *daemon = start(scene);
    if (sql_try(scene->admin, "RESET MASTER") != 0) /* MySQL's word for it since 8.2 */
        sql_run(scene->admin, "RESET BINARY LOGS AND GTIDS");
    uint64_t lost = insert(scene, "default");
    expect_works(daemon, 2);
    expect_run(scene, lost);
    expect_run(scene, insert(scene, "other"));
    daemon_stop(daemon);
}

static void several_daemons_each_follow_the_binlog(void **state)
{
    struct scene *scene = *state;
    struct process *daemons[3];
    for (int i = 0; i < 3; i++)
        daemons[i] = start(scene);
    for (int i = 0; i < 20; i++)
        expect_run(scene, insert(scene, "default"));
    for (int i = 0; i < 3; i++) {
        assert_int_equal(process_count(daemons[i], "the doorbell works"), 1);
        daemon_stop(daemons[i]);
    }
    journal_expect_each_once(scene->journal, 20);
}

static void a_reload_turns_it_off_and_on(void **state)
{
    struct scene *scene = *state;
    struct process *daemon = start(scene);
    scene->source = NULL;
    scene_config(scene, NULL, NULL); /* polls every 10 ms, and has no queue "other" */
    daemon_reload(daemon);
    expect_run(scene, insert(scene, "default"));
    sql_wait_until(scene->admin, 20,
                   "SELECT NOT EXISTS (SELECT 1 FROM information_schema.processlist WHERE command "
                   "LIKE 'Binlog Dump%%' AND user = '%s')",
                   scene->database->daemon.user);
    config(scene);
    daemon_reload(daemon);
    expect_works(daemon, 2);
    expect_run(scene, insert(scene, "other"));
    daemon_stop(daemon);
}

static void a_worker_says_whether_its_doorbell_works(void **state)
{
    struct scene *scene = *state;
    struct process *daemon = start(scene);
    sql_wait_until(scene->admin, 30,
                   "SELECT JSON_VALUE(status, '$.doorbell') = 'works' FROM dueq_worker");
    daemon_stop(daemon);
}

static void without_the_privileges_it_says_so_once_and_the_queues_are_polled(void **state)
{
    (void) state;
    struct scene *scene = scene_new_on(server);
    scene->source = "doorbell = \"binlog\";";
    struct process *daemon = daemon_start(scene_config(scene, NULL, NULL));
    expect_said(daemon, "the doorbell does not work, the queues are polled: ", 1);
    assert_int_equal(process_count(daemon, "GRANT REPLICATION SLAVE, REPLICATION CLIENT"), 1);
    for (int i = 0; i < 20; i++)
        expect_run(scene, insert(scene, "default"));
    daemon_wait_heartbeat(daemon, scene->admin);
    assert_int_equal(process_count(daemon, "the doorbell"), 1);
    assert_int_equal(process_count(daemon, "cannot use the database"), 0);
    assert_int_equal(sql_u64(scene->admin,
                             "SELECT JSON_VALUE(status, '$.doorbell') = 'silent' FROM "
                             "dueq_worker"),
                     1);
    daemon_stop(daemon);

    /* What it lacks is named also where the place can be read and the dump is what is denied. */
    sql_run(scene->admin, "GRANT REPLICATION CLIENT ON *.* TO '%s'@'%%'",
            scene->database->daemon.user);
    daemon = daemon_start(scene_config(scene, NULL, NULL));
    expect_said(daemon, "GRANT REPLICATION SLAVE, REPLICATION CLIENT", 1);
    expect_run(scene, insert(scene, "default"));
    daemon_stop(daemon);
    scene_free(scene);
}

static void without_a_binlog_it_says_so_once_and_the_queues_are_polled(void **state)
{
    (void) state;
    struct test_server *without = test_server_new((const char *const[]){ "--skip-log-bin", NULL });
    struct scene *scene = scene_new_on(without);
    test_database_grant_doorbell(scene->database);
    scene->source = "doorbell = \"binlog\";";
    struct process *daemon = daemon_start(scene_config(scene, NULL, NULL));
    expect_said(daemon,
                "the doorbell does not work, the queues are polled: the server "
                "writes no binlog (log_bin is off)",
                1);
    expect_run(scene, insert(scene, "default"));
    daemon_stop(daemon);
    scene_free(scene);
    test_server_free(without);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENE_TEST(a_job_runs_at_once_although_its_queue_is_hardly_ever_polled),
        SCENE_TEST(a_job_that_was_there_before_the_doorbell_runs_too),
        SCENE_TEST(a_delayed_job_runs_at_its_time),
        SCENE_TEST(a_job_that_is_made_due_earlier_runs_then),
        SCENE_TEST(a_job_of_an_open_transaction_runs_after_its_commit),
        SCENE_TEST(what_fails_is_run_again_when_its_retry_is_due),
        SCENE_TEST(a_flood_of_jobs_is_run_each_once),
        SCENE_TEST(a_queue_that_is_resumed_goes_on_at_once),
        SCENE_TEST(it_rings_on_after_rotations_and_purged_logs),
        SCENE_TEST(it_rings_on_when_the_checksums_are_turned_off_and_on),
        SCENE_TEST(it_comes_back_when_its_connection_is_killed),
        SCENE_TEST(it_connects_anew_when_the_keeper_does),
        SCENE_TEST(it_comes_back_with_a_server_that_was_restarted),
        SCENE_TEST(it_comes_back_when_the_logs_are_gone),
        SCENE_TEST(several_daemons_each_follow_the_binlog),
        SCENE_TEST(a_reload_turns_it_off_and_on),
        SCENE_TEST(a_worker_says_whether_its_doorbell_works),
        SCENE_TEST(without_the_privileges_it_says_so_once_and_the_queues_are_polled),
        SCENE_TEST(without_a_binlog_it_says_so_once_and_the_queues_are_polled),
    };
    return cmocka_run_group_tests(tests, open_all, close_all);
}
