#include <stdio.h>
#include <string.h>

#include "daemon.h"
#include "journal.h"
#include "scene.h"
#include "sql.h"

/* What an operator sets in dueq_queue while daemons run, with plain SQL. */

static uint64_t insert(struct scene *scene, const char *queue)
{
    return scene_insert(
        scene, "INSERT INTO dueq_job (queue, kind, payload) VALUES ('%s', 'work', '')", queue);
}

static const char *two_queues(struct scene *scene)
{
    return scene_config_text(scene,
                             "queues = ( { name = \"default\"; poll = \"10ms\"; }, { name = "
                             "\"other\"; poll = \"10ms\"; } ); kinds = ( %s );",
                             scene_noop(scene, "*"));
}

static void a_paused_queue_is_not_served_until_it_is_resumed(void **state)
{
    struct scene *scene = *state;
    MYSQL *operator= test_connect(scene->database, &scene->database->operator);
    sql_run(operator, "INSERT INTO dueq_queue (queue, paused) VALUES ('default', 1)");
    struct process *daemon = daemon_start(two_queues(scene));
    uint64_t waiting = insert(scene, "default"), other = insert(scene, "other");
    journal_wait_count_of(scene->journal, other, 1, 20);
    sql_wait_until(scene->admin, 20, "SELECT COUNT(*) = 1 FROM dueq_job");
    assert_int_equal(journal_count_of(scene->journal, waiting), 0);

    sql_run(operator, "UPDATE dueq_queue SET paused = 0 WHERE queue = 'default'");
    journal_wait_count_of(scene->journal, waiting, 1, 20);
    scene_wait_all_gone(scene, 20);
    mysql_close(operator);
    daemon_stop(daemon);
}

static void a_pause_stops_a_queue_that_is_being_served(void **state)
{
    struct scene *scene = *state;
    enum { JOBS = 20000 };
    struct process *daemon = daemon_start(scene_config(scene, "threads = 2;", NULL));
    scene_insert_many(scene, JOBS, "{\"sleep_ms\":2}"); /* twenty seconds of work */
    journal_wait_count(scene->journal, 10, 20);
    sql_run(scene->admin, "INSERT INTO dueq_queue (queue, paused) VALUES ('default', 1)");
    /* What was claimed before ends, and nothing more is claimed. */
    sql_wait_until(scene->admin, 20,
                   "SELECT JSON_VALUE(status, '$.queues.default.paused') = 1"
                   " AND JSON_VALUE(status, '$.queues.default.running') = 0"
                   " AND JSON_VALUE(status, '$.queues.default.waiting') = 0 FROM dueq_worker");
    sql_wait_until(scene->admin, 20,
                   "SELECT NOT EXISTS (SELECT 1 FROM dueq_job WHERE lease IS NOT NULL)");
    size_t run = journal_count(scene->journal);
    assert_true(run < JOBS);
    assert_int_equal(sql_u64(scene->admin, "SELECT COUNT(*) FROM dueq_job WHERE attempts = 0"),
                     JOBS - run);
    assert_int_equal(journal_count(scene->journal), run);
    daemon_stop(daemon);
}

static void concurrency_bounds_what_runs_at_the_same_time(void **state)
{
    struct scene *scene = *state;
    sql_run(scene->admin, "INSERT INTO dueq_queue (queue, concurrency) VALUES ('default', 2)");
    struct process *daemon = daemon_start(scene_config(scene, "threads = 16;", NULL));
    scene_insert_many(scene, 30, "{\"sleep_ms\":100}");
    scene_insert_many(scene, 30, "{\"sleep_ms\":100,\"outcome\":\"pending\"}");
    /* Begun and not ended, at any moment that is looked at. */
    size_t begun = 0;
    while (begun < 60) {
        size_t ended = journal_count(scene->journal_end); /* in this order: it can only be less */
        begun = journal_count(scene->journal);
        if (journal_count(scene->journal_end) == ended)
            assert_true(begun <= ended + 2);
    }
    scene_wait_all_gone(scene, 20);
    journal_expect_each_once(scene->journal, 60);
    daemon_stop(daemon);
}

static void rate_bounds_how_many_begin_in_a_second(void **state)
{
    struct scene *scene = *state;
    enum { RATE = 20, JOBS = 80 };
    sql_run(scene->admin, "INSERT INTO dueq_queue (queue, rate) VALUES ('default', %d)", RATE);
    struct process *daemon = daemon_start(scene_config(scene, "threads = 16;", NULL));
    sql_run(scene->admin, "SET @begin = NOW(6)");
    scene_insert_many(scene, JOBS, "");
    scene_wait_all_gone(scene, 30);
    /* One second's worth may begin at once; for the others it takes three seconds, or longer. */
    assert_in_range(sql_u64(scene->admin, "SELECT TIMESTAMPDIFF(MICROSECOND, @begin, NOW(6))"),
                    (JOBS - RATE) * 1000000 / RATE - 200000, INT32_MAX);
    journal_expect_each_once(scene->journal, JOBS);
    daemon_stop(daemon);
}

static void pending_jobs_are_bounded_by_the_configuration(void **state)
{
    struct scene *scene = *state;
    struct process *daemon = daemon_start(
        scene_config(scene, "threads = 2; pending = 40; timeout = \"1h\";", NULL));
    scene_insert_many(scene, 100, "{\"sleep_ms\":3600000,\"outcome\":\"pending\"}");
    /* Far more than threads, and no more than that. */
    journal_wait_count(scene->journal, 40, 20);
    sql_wait_until(scene->admin, 20,
                   "SELECT JSON_VALUE(status, '$.queues.default.pending') = 40 FROM dueq_worker");
    assert_int_equal(sql_u64(scene->admin, "SELECT COUNT(*) FROM dueq_job WHERE lease IS NOT NULL"),
                     40);
    assert_int_equal(journal_count(scene->journal), 40);
    sql_run(scene->admin, "DELETE FROM dueq_job WHERE lease IS NULL");
    sql_run(scene->admin, "DELETE FROM dueq_job"); /* which also ends those that run */
    journal_wait_count(scene->journal_end, 40, 20);
    daemon_stop(daemon);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENE_TEST(a_paused_queue_is_not_served_until_it_is_resumed),
        SCENE_TEST(a_pause_stops_a_queue_that_is_being_served),
        SCENE_TEST(concurrency_bounds_what_runs_at_the_same_time),
        SCENE_TEST(rate_bounds_how_many_begin_in_a_second),
        SCENE_TEST(pending_jobs_are_bounded_by_the_configuration),
    };
    return SCENE_RUN(tests);
}
