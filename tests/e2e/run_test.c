#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "daemon.h"
#include "directory.h"
#include "fail.h"
#include "journal.h"
#include "scene.h"
#include "sql.h"

/* From a plain INSERT to its run: when a job is run, and in which order. */

static void a_plain_insert_is_run_and_its_row_is_gone(void **state)
{
    struct scene *scene = *state;
    struct process *daemon = daemon_start(scene_config(scene, NULL, NULL));
    uint64_t id = scene_insert(scene,
                               "INSERT INTO dueq_job (kind, payload) VALUES ('order.paid', '')");
    scene_wait_all_gone(scene, 20);
    journal_expect_each_once(scene->journal, 1);
    assert_int_equal(journal_count_of(scene->journal, id), 1);
    assert_int_equal(sql_u64(scene->admin, "SELECT COUNT(*) FROM dueq_dead"), 0);
    assert_int_equal(sql_u64(scene->admin, "SELECT COUNT(*) FROM dueq_error"), 0);
    daemon_stop(daemon);
}

static void a_job_that_was_there_before_the_daemon_is_run(void **state)
{
    struct scene *scene = *state;
    scene_insert(scene, "INSERT INTO dueq_job (kind, payload) VALUES ('order.paid', '')");
    struct process *daemon = daemon_start(scene_config(scene, NULL, NULL));
    scene_wait_all_gone(scene, 20);
    journal_expect_each_once(scene->journal, 1);
    daemon_stop(daemon);
}

static void a_job_is_run_once_its_transaction_has_committed_and_not_before(void **state)
{
    struct scene *scene = *state;
    struct process *daemon = daemon_start(scene_config(scene, NULL, NULL));
    MYSQL *other = test_connect(scene->database, &scene->database->producer);
    sql_run(other, "START TRANSACTION; INSERT INTO dueq_job (kind, payload) VALUES ('a', '')");
    sql_run(scene->producer, "START TRANSACTION; INSERT INTO dueq_job (kind, payload) VALUES"
                             " ('rolled.back', ''); ROLLBACK");
    /* One that comes later overtakes it, so the daemon has looked by then. */
    scene_insert(scene, "INSERT INTO dueq_job (kind, payload) VALUES ('b', '')");
    journal_wait_count(scene->journal, 1, 20);
    sql_run(other, "COMMIT");
    journal_wait_count(scene->journal, 2, 20);
    scene_wait_all_gone(scene, 20);
    journal_expect_each_once(scene->journal, 2);
    mysql_close(other);
    daemon_stop(daemon);
}

static void a_delayed_job_is_run_when_its_time_has_come_and_not_before(void **state)
{
    struct scene *scene = *state;
    /* A poll that alone would be far too late: the daemon must know when the job is due. */
    struct process *daemon = daemon_start(scene_config_text(
        scene, "queues = ( { name = \"default\"; poll = \"1h\"; } ); kinds = ( %s );",
        scene_noop(scene, "*")));
    sql_run(scene->admin, "SET @due = NOW(6) + INTERVAL 1500000 MICROSECOND");
    char *due = sql_text(scene->admin, "SELECT @due");
    /* What the poll would not see, a kick shows: SIGUSR1. */
    scene_insert(scene,
                 "SET time_zone = @@global.time_zone; INSERT INTO dueq_job (kind, payload, "
                 "next_run_at) VALUES ('order.close', '', '%s')",
                 due);
    process_signal(daemon, SIGUSR1);
    journal_wait_count(scene->journal, 1, 30);
    assert_int_equal(sql_u64(scene->admin, "SELECT NOW(6) >= @due"), 1);
    scene_wait_all_gone(scene, 20);
    free(due);
    daemon_stop(daemon);
}

static void a_delay_means_the_same_in_every_time_zone(void **state)
{
    struct scene *scene = *state;
    struct process *daemon = daemon_start(scene_config(scene, NULL, NULL));
    sql_run(scene->producer, "SET time_zone = '-11:00'; INSERT INTO dueq_job (kind, payload, "
                             "next_run_at) VALUES ('late', '', NOW(6) + INTERVAL 1 HOUR)");
    sql_run(scene->producer, "SET time_zone = '+13:00'; INSERT INTO dueq_job (kind, payload, "
                             "next_run_at) VALUES ('soon', '', NOW(6))");
    journal_wait_count(scene->journal, 1, 20);
    sql_wait_until(scene->admin, 20, "SELECT COUNT(*) = 1 FROM dueq_job WHERE kind = 'late'");
    sql_wait_until(scene->admin, 20,
                   "SELECT NOT EXISTS (SELECT 1 FROM dueq_job WHERE kind = 'soon')");
    assert_int_equal(sql_u64(scene->admin, "SELECT attempts FROM dueq_job"), 0);
    daemon_stop(daemon);
}

static void expect_order(const struct scene *scene, const char *const *kinds, size_t count)
{
    struct journal journal;
    journal_read(scene->journal, &journal);
    assert_int_equal(journal.count, count);
    for (size_t i = 0; i < count; i++) {
        char *kind = sql_text(scene->admin, "SELECT kind FROM ids WHERE id = %llu",
                              (unsigned long long) journal.runs[i].id);
        assert_string_equal(kind, kinds[i]);
        free(kind);
    }
    journal_done(&journal);
}

/* So that what was run can be named when its row is gone. */
static void note_ids(const struct scene *scene)
{
    sql_run(scene->admin,
            "DROP TABLE IF EXISTS ids; CREATE TABLE ids AS SELECT id, kind FROM dueq_job");
}

static void better_priorities_are_run_first(void **state)
{
    struct scene *scene = *state;
    scene_insert(scene, "INSERT INTO dueq_job (kind, payload, priority) VALUES"
                        " ('p9', '', 9), ('p0', '', 0), ('p5', '', DEFAULT), ('p1', '', 1),"
                        " ('p7', '', 7), ('p4', '', 4)");
    note_ids(scene);
    scene->source = "lanes = 1;";
    struct process *daemon = daemon_start(scene_config(scene, "threads = 1;", NULL));
    scene_wait_all_gone(scene, 20);
    expect_order(scene, (const char *const[]){ "p0", "p1", "p4", "p5", "p7", "p9" }, 6);
    daemon_stop(daemon);
}

static void a_busy_priority_does_not_hide_a_better_one(void **state)
{
    struct scene *scene = *state;
    enum { BULK = 3000 };
    scene_insert_many(scene, BULK, "{\"sleep_ms\":4}");
    sql_run(scene->producer, "UPDATE dueq_job SET priority = 9 WHERE kind = 'bulk'");
    struct process *daemon = daemon_start(scene_config(scene, "threads = 4;", NULL));
    journal_wait_count(scene->journal, 100, 20);
    uint64_t id = scene_insert(
        scene, "INSERT INTO dueq_job (kind, payload, priority) VALUES ('urgent', '', 0)");
    journal_wait_count_of(scene->journal, id, 1, 30);
    struct journal journal;
    journal_read(scene->journal, &journal);
    assert_true(journal.count < BULK);
    journal_done(&journal);
    scene_wait_all_gone(scene, 60);
    daemon_stop(daemon);
}

static void within_a_priority_the_order_is_that_of_the_due_times_and_then_of_the_ids(void **state)
{
    struct scene *scene = *state;
    enum { JOBS = 600 };
    scene->source = "lanes = 1;";
    scene_insert_many(scene, JOBS, "");
    /* Three are due at each time, and the later they were inserted the earlier they are due. */
    sql_run(scene->producer,
            "UPDATE dueq_job SET next_run_at = FROM_UNIXTIME(1700000000 - id DIV 3)");
    sql_run(scene->admin, "DROP TABLE IF EXISTS ids; CREATE TABLE ids (place INT PRIMARY KEY "
                          "AUTO_INCREMENT, id BIGINT) AS SELECT id FROM dueq_job ORDER BY "
                          "next_run_at, dueq_job.id");
    struct process *daemon = daemon_start(scene_config(scene, "threads = 1;", NULL));
    scene_wait_all_gone(scene, 30);
    struct journal journal;
    journal_read(scene->journal, &journal);
    assert_int_equal(journal.count, JOBS);
    for (unsigned i = 0; i < JOBS; i++)
        assert_int_equal(sql_u64(scene->admin, "SELECT id FROM ids WHERE place = %u", i + 1),
                         journal.runs[i].id);
    journal_done(&journal);
    daemon_stop(daemon);
}

static void queues_share_the_daemon_and_one_that_nobody_serves_is_left_alone(void **state)
{
    struct scene *scene = *state;
    struct process *daemon = daemon_start(scene_config_text(
        scene,
        "queues = ( { name = \"mail\"; poll = \"10ms\"; }, { name = \"sms\"; poll = "
        "\"10ms\"; threads = 1; } ); kinds = ( %s );",
        scene_noop(scene, "*")));
    scene_insert(scene, "INSERT INTO dueq_job (queue, kind, payload) VALUES ('mail', 'a', ''),"
                        " ('sms', 'b', ''), ('default', 'c', '')");
    sql_wait_until(scene->admin, 20, "SELECT COUNT(*) = 1 FROM dueq_job");
    assert_int_equal(sql_u64(scene->admin, "SELECT attempts FROM dueq_job WHERE queue = 'default'"),
                     0);
    journal_expect_each_once(scene->journal, 2);
    daemon_stop(daemon);
}

static void a_program_inherits_nothing_of_the_daemon(void **state)
{
    struct scene *scene = *state;
    struct process *daemon = daemon_start(scene_config_text(
        scene,
        "queues = ( { name = \"default\"; poll = \"10ms\"; } ); kinds = ( { kind = \"look\"; "
        "handler "
        "= \"exec\"; options = { command = [ \"/bin/sh\", \"-c\", \"ls -l /proc/self/fd > "
        "%s/files; env > %s/environment\" ]; }; } );",
        scene->directory, scene->directory));
    for (int i = 0; i < 3; i++) { /* when all lanes are connected */
        scene_insert(scene, "INSERT INTO dueq_job (kind, payload) VALUES ('look', '')");
        scene_wait_all_gone(scene, 20);
    }
    char path[192];
    snprintf(path, sizeof path, "%s/files", scene->directory);
    char *files = test_file_read(path);
    assert_null(strstr(files, "socket:"));
    free(files);
    snprintf(path, sizeof path, "%s/environment", scene->directory);
    char *environment = test_file_read(path);
    assert_null(strstr(environment, scene->database->daemon.password));
    free(environment);
    daemon_stop(daemon);
}

static void what_a_daemon_shows_of_itself_is_gone_when_it_has_ended(void **state)
{
    struct scene *scene = *state;
    struct process *daemon = daemon_start(scene_config(scene, NULL, NULL));
    scene_insert_many(scene, 10, "");
    daemon_wait_counter(daemon, scene->admin, "done", 10);
    assert_int_equal(sql_u64(scene->admin, "SELECT COUNT(*) FROM dueq_worker"), 1);
    assert_int_equal(
        sql_u64(scene->admin,
                "SELECT JSON_VALUE(status, '$.queues.default.threads') FROM dueq_worker"),
        8);
    daemon_stop(daemon);
    assert_int_equal(sql_u64(scene->admin, "SELECT COUNT(*) FROM dueq_worker"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENE_TEST(a_plain_insert_is_run_and_its_row_is_gone),
        SCENE_TEST(a_job_that_was_there_before_the_daemon_is_run),
        SCENE_TEST(a_job_is_run_once_its_transaction_has_committed_and_not_before),
        SCENE_TEST(a_delayed_job_is_run_when_its_time_has_come_and_not_before),
        SCENE_TEST(a_delay_means_the_same_in_every_time_zone),
        SCENE_TEST(better_priorities_are_run_first),
        SCENE_TEST(a_busy_priority_does_not_hide_a_better_one),
        SCENE_TEST(within_a_priority_the_order_is_that_of_the_due_times_and_then_of_the_ids),
        SCENE_TEST(queues_share_the_daemon_and_one_that_nobody_serves_is_left_alone),
        SCENE_TEST(a_program_inherits_nothing_of_the_daemon),
        SCENE_TEST(what_a_daemon_shows_of_itself_is_gone_when_it_has_ended),
    };
    return SCENE_RUN(tests);
}
