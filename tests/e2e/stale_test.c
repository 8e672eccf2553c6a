#include "daemon.h"
#include "journal.h"
#include "scene.h"
#include "sql.h"

/* Attempts that go on after their job was replaced, or taken over, and do not listen. */

static struct process *start_with_stubborn(struct scene *scene, const char *queue)
{
    scene->handlers = daemon_handlers((const char *const[]){ "noop", "stubborn", NULL });
    return daemon_start(scene_config_text(
        scene, "queues = ( { name = \"default\"; poll = \"10ms\"; %s } );\nkinds = ( %s );\n",
        queue, scene_noop(scene, "work")));
}

static void a_job_that_was_replaced_twice_keeps_its_lease_while_the_old_attempts_run(void **state)
{
    struct scene *scene = *state;
    struct process *daemon = start_with_stubborn(scene, "threads = 8; lease = \"3s\";");
    uint64_t id = scene_insert(scene,
                               "INSERT INTO dueq_job (kind, payload) VALUES ('stubborn', '8')");
    for (unsigned attempt = 1; attempt <= 2; attempt++) {
        sql_wait_until(scene->admin, 20,
                       "SELECT attempts = %u AND lease IS NOT NULL FROM dueq_job WHERE id = %llu",
                       attempt, (unsigned long long) id);
        sql_run(scene->admin,
                "UPDATE dueq_job SET next_run_at = NOW(6), lease = NULL%s WHERE id = %llu",
                attempt == 1 ? "" : ", kind = 'work', payload = '{\"sleep_ms\":4000}'",
                (unsigned long long) id);
    }
    scene_wait_all_gone(scene, 20);
    assert_int_equal(journal_count_of(scene->journal, id), 1); /* it was not asked to stop */
    assert_int_equal(sql_u64(scene->admin, "SELECT COUNT(*) FROM dueq_error"), 0);
    assert_int_equal(process_count(daemon, "leases ran out"), 0);
    daemon_stop(daemon);
}

static void
a_job_that_still_runs_here_when_it_is_due_again_does_not_stand_before_others(void **state)
{
    struct scene *scene = *state;
    struct process *daemon = start_with_stubborn(scene, "threads = 2;");
    /* Jobs that take long: so the daemon claims as many as it has idle threads, and no more. */
    for (int i = 0; i < 2; i++)
        scene_insert(scene, "INSERT INTO dueq_job (kind, payload) VALUES ('work', "
                            "'{\"sleep_ms\":500}')");
    scene_wait_all_gone(scene, 20);
    uint64_t id = scene_insert(scene,
                               "INSERT INTO dueq_job (kind, payload) VALUES ('stubborn', '10')");
    sql_wait_until(scene->admin, 20, "SELECT lease IS NOT NULL FROM dueq_job WHERE id = %llu",
                   (unsigned long long) id);
    /* As if another daemon had taken it over, and died. */
    sql_run(scene->admin,
            "UPDATE dueq_job SET lease = 77, next_run_at = NOW(6) - INTERVAL 1 SECOND WHERE id = "
            "%llu",
            (unsigned long long) id);
    uint64_t other = scene_insert(scene,
                                  "INSERT INTO dueq_job (kind, payload) VALUES ('work', '{}')");
    journal_wait_count_of(scene->journal, other, 1, 60);
    /* Meanwhile, not after: nothing was done about the first one. */
    assert_int_equal(sql_u64(scene->admin, "SELECT lease FROM dueq_job WHERE id = %llu",
                             (unsigned long long) id),
                     77);
    scene_wait_all_gone(scene, 60);
    assert_int_equal(sql_u64(scene->admin, "SELECT COUNT(*) FROM dueq_error WHERE job_id = %llu",
                             (unsigned long long) id),
                     1); /* the other daemon's attempt */
    daemon_stop(daemon);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENE_TEST(a_job_that_was_replaced_twice_keeps_its_lease_while_the_old_attempts_run),
        SCENE_TEST(a_job_that_still_runs_here_when_it_is_due_again_does_not_stand_before_others),
    };
    return SCENE_RUN(tests);
}
