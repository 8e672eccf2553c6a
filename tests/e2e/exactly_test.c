#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "daemon.h"
#include "fail.h"
#include "journal.h"
#include "scene.h"
#include "sql.h"

/* Many jobs: none is lost and none is run twice, and the daemon does not grow by them. */

static void four_daemons_run_each_of_twenty_thousand_jobs_once(void **state)
{
    struct scene *scene = *state;
    enum { DAEMONS = 4, JOBS = 20000 };
    const char *config = scene_config(scene, NULL, NULL);
    struct process *daemons[DAEMONS];
    for (int i = 0; i < DAEMONS; i++)
        daemons[i] = daemon_start(config);
    scene_insert_many(scene, JOBS, "");
    scene_wait_all_gone(scene, 120);
    journal_expect_each_once(scene->journal, JOBS);

    struct journal journal;
    bool ran[DAEMONS] = { false };
    journal_read(scene->journal, &journal);
    for (size_t i = 0; i < journal.count; i++)
        for (int j = 0; j < DAEMONS; j++)
            ran[j] = ran[j] || journal.runs[i].pid == process_id(daemons[j]);
    journal_done(&journal);
    for (int i = 0; i < DAEMONS; i++)
        assert_true(ran[i]);
    assert_int_equal(sql_u64(scene->admin, "SELECT COUNT(*) FROM dueq_error"), 0);
    assert_int_equal(sql_u64(scene->admin, "SELECT COUNT(*) FROM dueq_dead"), 0);
    for (int i = 0; i < DAEMONS; i++)
        daemon_stop(daemons[i]);
}

static void expect_memory_below(struct process *daemon, long limit_kib)
{
    long kib = daemon_memory_kib(daemon);
    print_message("             at most %ld KiB were resident\n", kib);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) /* they need more */
    assert_true(kib < limit_kib);
#endif
    (void) limit_kib;
}

static void a_hundred_thousand_jobs_are_run_once_each_and_leave_no_trace_in_the_daemon(void **state)
{
    struct scene *scene = *state;
    enum { WARM_UP = 2000, JOBS = 100000, MEMORY_KIB = 64 * 1024 };
    scene->source = "lanes = 4;";
    struct process *daemon = daemon_start(scene_config(scene, NULL, NULL));
    scene_insert_many(scene, WARM_UP, "");
    scene_wait_all_gone(scene, 60);
    unsigned files = daemon_open_files(daemon);
    scene_insert_many(scene, JOBS, "");
    scene_wait_all_gone(scene, 180);
    journal_expect_each_once(scene->journal, WARM_UP + JOBS);
    assert_int_equal(sql_u64(scene->admin, "SELECT COUNT(*) FROM dueq_error"), 0);

    expect_memory_below(daemon, MEMORY_KIB);
    assert_int_equal(daemon_open_files(daemon), files);
    daemon_stop(daemon);
}

static void claims_take_no_more_payload_into_memory_than_they_may(void **state)
{
    struct scene *scene = *state;
    /* 300 MiB in all, of which each of two lanes takes 64 MiB at most, twice while it reads them.
     */
    enum { JOBS = 100, MEMORY_KIB = 280 * 1024 };
    sql_run(scene->producer, "SET @payload = REPEAT('x', 3 * 1048576)");
    for (int i = 0; i < JOBS; i++)
        sql_run(scene->producer, "INSERT INTO dueq_job (kind, payload) VALUES ('large', @payload)");
    struct process *daemon = daemon_start(scene_config(scene, NULL, NULL));
    scene_wait_all_gone(scene, 120);
    journal_expect_each_once(scene->journal, JOBS);
    expect_memory_below(daemon, MEMORY_KIB);
    daemon_stop(daemon);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENE_TEST(four_daemons_run_each_of_twenty_thousand_jobs_once),
        SCENE_TEST(a_hundred_thousand_jobs_are_run_once_each_and_leave_no_trace_in_the_daemon),
        SCENE_TEST(claims_take_no_more_payload_into_memory_than_they_may),
    };
    return SCENE_RUN(tests);
}
