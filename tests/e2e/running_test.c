#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "daemon.h"
#include "journal.h"
#include "scene.h"
#include "sql.h"

/* Jobs while they run: their leases, their timeouts, and what happens when they are cancelled. */

static void a_job_that_runs_for_three_leases_is_run_once(void **state)
{
    struct scene *scene = *state;
    const char *config = scene_config(scene, "lease = \"1s\"; threads = 20;", NULL);
    struct process *daemon = daemon_start(config);
    struct process *other = daemon_start(config); /* would take it over */
    /* Spread over a second, so that whatever a daemon does at intervals meets them at any age. */
    for (int i = 0; i < 10; i++)
        scene_insert(scene,
                     "INSERT INTO dueq_job (kind, payload, next_run_at) VALUES ('work', "
                     "'{\"sleep_ms\":3000,\"outcome\":\"%s\"}', NOW(6) + INTERVAL %d MICROSECOND)",
                     i % 2 ? "pending" : "done", i * 100000);
    scene_wait_all_gone(scene, 30);
    journal_expect_each_once(scene->journal, 10);
    assert_int_equal(sql_u64(scene->admin, "SELECT COUNT(*) FROM dueq_error"), 0);
    assert_int_equal(process_count(daemon, "leases ran out"), 0);
    assert_int_equal(process_count(other, "leases ran out"), 0);
    daemon_stop(daemon);
    daemon_stop(other);
}

static void a_job_past_its_timeout_is_asked_to_stop_and_fails(void **state)
{
    struct scene *scene = *state;
    struct process *daemon = daemon_start(
        scene_config(scene, "timeout = \"300ms\"; retry = \"fixed\";",
                     "retry = ( { name = \"fixed\"; schedule = [ \"20ms\" ]; } );"));
    scene_insert(scene, "INSERT INTO dueq_job (kind, payload) VALUES ('work', "
                        "'{\"sleep_ms\":60000}')");
    scene_insert(scene, "INSERT INTO dueq_job (kind, payload) VALUES ('work', "
                        "'{\"sleep_ms\":60000,\"outcome\":\"pending\"}')");
    sql_wait_until(scene->admin, 20,
                   "SELECT COUNT(*) = 2 FROM dueq_dead WHERE reason = 'exhausted' AND attempts = 2 "
                   "AND message = 'cancelled'");
    assert_int_equal(sql_u64(scene->admin, "SELECT COUNT(*) FROM dueq_error"), 4);
    assert_int_equal(journal_count(scene->journal_end), 4);
    daemon_stop(daemon);
}

static void a_kind_has_its_own_timeout(void **state)
{
    struct scene *scene = *state;
    struct process *daemon = daemon_start(scene_config_text(
        scene, "queues = ( { name = \"default\"; poll = \"10ms\"; timeout = \"1h\"; } );"
               "kinds = ( { kind = \"short\"; handler = \"noop\"; timeout = \"200ms\"; options = { "
               "sleep = "
               "\"1h\"; }; } );"));
    scene_insert(scene,
                 "INSERT INTO dueq_job (kind, payload, max_attempts) VALUES ('short', '', 1)");
    sql_wait_until(scene->admin, 20, "SELECT COUNT(*) FROM dueq_dead WHERE message = 'cancelled'");
    daemon_stop(daemon);
}

static void a_job_that_does_not_stop_at_its_timeout_is_named_and_keeps_its_lease(void **state)
{
    struct scene *scene = *state;
    scene->handlers = daemon_handlers((const char *const[]){ "stubborn", NULL });
    struct process *daemon = daemon_start(scene_config_text(
        scene, "queues = ( { name = \"default\"; poll = \"10ms\"; timeout = \"500ms\"; lease = "
               "\"1s\"; } );"));
    uint64_t id = scene_insert(scene,
                               "INSERT INTO dueq_job (kind, payload) VALUES ('stubborn', '4')");
    process_expect_line(daemon, "a job is past its timeout", 20);
    scene_wait_all_gone(scene, 30); /* done, though late: an outcome is an outcome */
    assert_int_equal(sql_u64(scene->admin, "SELECT COUNT(*) FROM dueq_error"), 0);
    assert_int_equal(sql_u64(scene->admin, "SELECT COUNT(*) FROM dueq_dead"), 0);
    assert_int_equal(process_count(daemon, "a job is past its timeout"), 1);
    (void) id;
    daemon_stop(daemon);
}

static void a_running_job_whose_row_is_deleted_is_asked_to_stop(void **state)
{
    struct scene *scene = *state;
    struct process *daemon = daemon_start(scene_config(scene, "timeout = \"1h\";", NULL));
    uint64_t id = scene_insert(scene, "INSERT INTO dueq_job (kind, payload) VALUES ('work', "
                                      "'{\"sleep_ms\":3600000}')");
    journal_wait_count_of(scene->journal, id, 1, 20);
    sql_run(scene->producer, "DELETE FROM dueq_job WHERE id = %llu", (unsigned long long) id);
    journal_wait_count_of(scene->journal_end, id, 1, 20);
    process_expect_line(daemon, "are asked to stop", 10);
    /* What it says then counts no more. */
    process_expect_line(daemon, "an outcome is refused", 10);
    assert_int_equal(sql_u64(scene->admin, "SELECT COUNT(*) FROM dueq_error"), 0);
    daemon_stop(daemon);
}

static void a_running_job_that_is_replaced_is_asked_to_stop_and_the_new_payload_is_run(void **state)
{
    struct scene *scene = *state;
    struct process *daemon = daemon_start(scene_config(scene, "timeout = \"1h\";", NULL));
    uint64_t id = scene_insert(scene, "INSERT INTO dueq_job (kind, payload, unique_key) VALUES "
                                      "('work', '{\"sleep_ms\":3600000}', 'page:7')");
    journal_wait_count_of(scene->journal, id, 1, 20);
    /* The recipe of docs/producers.md. */
    sql_run(
        scene->producer,
        "INSERT INTO dueq_job (kind, payload, unique_key) VALUES ('work', '{\"sleep_ms\":3000}', "
        "'page:7') ON DUPLICATE KEY UPDATE payload = VALUES(payload), next_run_at = "
        "VALUES(next_run_at), attempts = 0, lease = NULL");
    /* The old attempt ends, and is refused, while the new one runs. */
    process_expect_line(daemon, "an outcome is refused", 20);
    assert_int_equal(journal_count_of(scene->journal_end, id), 1);
    scene_wait_all_gone(scene, 20);
    assert_int_equal(journal_count_of(scene->journal_end, id), 2);
    assert_int_equal(journal_count_of(scene->journal, id), 2);
    daemon_stop(daemon);
}

static void a_duplicate_is_absorbed_by_the_job_that_is_there(void **state)
{
    struct scene *scene = *state;
    uint64_t id = scene_insert(scene, "INSERT INTO dueq_job (kind, payload, unique_key) VALUES "
                                      "('work', '{\"sleep_ms\":300}', 'report')");
    struct process *daemon = daemon_start(scene_config(scene, NULL, NULL));
    journal_wait_count_of(scene->journal, id, 1, 20);
    sql_run(scene->producer, "INSERT INTO dueq_job (kind, payload, unique_key) VALUES ('work', '', "
                             "'report') ON DUPLICATE KEY UPDATE id = id");
    scene_wait_all_gone(scene, 20);
    journal_expect_each_once(scene->journal, 1);
    daemon_stop(daemon);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENE_TEST(a_job_that_runs_for_three_leases_is_run_once),
        SCENE_TEST(a_job_past_its_timeout_is_asked_to_stop_and_fails),
        SCENE_TEST(a_kind_has_its_own_timeout),
        SCENE_TEST(a_job_that_does_not_stop_at_its_timeout_is_named_and_keeps_its_lease),
        SCENE_TEST(a_running_job_whose_row_is_deleted_is_asked_to_stop),
        SCENE_TEST(a_running_job_that_is_replaced_is_asked_to_stop_and_the_new_payload_is_run),
        SCENE_TEST(a_duplicate_is_absorbed_by_the_job_that_is_there),
    };
    return SCENE_RUN(tests);
}
