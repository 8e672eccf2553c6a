#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon.h"
#include "directory.h"
#include "fail.h"
#include "journal.h"
#include "scene.h"
#include "sql.h"
#include "wait.h"

/* Kinds with isolation = "process": what a handler does to its process is a matter of that process.
 */

enum { LIMIT = 30 };

static char guest_file[256];

/* process: more of the group of that name. */
static const char *config(struct scene *scene, const char *queue, const char *process)
{
    scene->handlers = daemon_handlers((const char *const[]){ "guest", "noop", NULL });
    snprintf(guest_file, sizeof guest_file, "%s/guest", scene->directory);
    return scene_config_text(
        scene,
        "crash_limit = 2; retry = ( { name = \"soon\"; factor = 1.0; jitter = 0.0; "
        "first = \"50ms\"; attempts = 10; } );"
        "queues = ( { name = \"default\"; poll = \"10ms\"; retry = \"soon\"; threads = 4; %s } );"
        "kinds = ( { kind = \"guest\"; handler = \"guest\"; isolation = \"process\";"
        "  process = { %s }; options = { file = \"%s\"; }; }, %s );",
        queue, process, guest_file, scene_noop(scene, "*"));
}

static uint64_t insert(struct scene *scene, const char *payload)
{
    return scene_insert(scene, "INSERT INTO dueq_job (kind, payload) VALUES ('guest', '%s')",
                        payload);
}

static void expect_dead(struct scene *scene, uint64_t id, const char *reason, const char *message)
{
    sql_wait_until(scene->admin, LIMIT, "SELECT COUNT(*) FROM dueq_dead WHERE id = %llu",
                   (unsigned long long) id);
    char *found_reason = sql_text(scene->admin, "SELECT reason FROM dueq_dead WHERE id = %llu",
                                  (unsigned long long) id);
    char *found = sql_text(scene->admin, "SELECT message FROM dueq_dead WHERE id = %llu",
                           (unsigned long long) id);
    if (!strstr(found, message) || strcmp(found_reason, reason) != 0)
        test_fail("dead as %s with '%s', not as %s with '%s'", found_reason, found, reason,
                  message);
    free(found);
    free(found_reason);
}

static uint64_t errors_of(struct scene *scene, uint64_t id)
{
    return sql_u64(scene->admin, "SELECT COUNT(*) FROM dueq_error WHERE job_id = %llu",
                   (unsigned long long) id);
}

static void a_crash_costs_one_job_an_attempt_and_nobody_else_anything(void **state)
{
    static const char *const queues[] = { "claim = \"lease\";", "claim = \"hold\";" };
    struct scene *scene = *state;

    for (size_t i = 0; i < 2; i++) {
        struct process *daemon = daemon_start(config(scene, queues[i], ""));
        uint64_t id = insert(scene, "crash"), other = insert(scene, "exit");
        scene_insert_many(scene, 100, "{}");
        expect_dead(scene, id, "crashed", "crashed: the process of handler guest died by SIGSEGV");
        expect_dead(scene, other, "crashed",
                    "crashed: the process of handler guest ended by exit(7)");
        scene_wait_all_gone(scene, LIMIT);
        assert_int_equal(errors_of(scene, id), 2);
        assert_int_equal(sql_u64(scene->admin, "SELECT MAX(attempts) FROM dueq_dead"), 2);
        assert_true(process_is_running(daemon));
        daemon_stop(daemon);
        sql_run(scene->admin, "DELETE FROM dueq_dead; DELETE FROM dueq_error");
    }
}

static void jobs_that_shared_the_process_are_run_again_uncharged(void **state)
{
    struct scene *scene = *state;
    struct process *daemon = daemon_start(
        config(scene, "claim = \"lease\";", "count = 1; jobs = 4;"));
    uint64_t slow = insert(scene, "extend"), culprit = insert(scene, "crash soon");
    expect_dead(scene, culprit, "crashed", "SIGSEGV");
    scene_wait_all_gone(scene, LIMIT);
    assert_int_equal(errors_of(scene, slow), 0);
    daemon_stop(daemon);
}

static void a_job_that_does_not_stop_is_killed(void **state)
{
    struct scene *scene = *state;
    struct process *daemon = daemon_start(
        config(scene, "timeout = \"200ms\";", "kill_after = \"100ms\"; count = 2; jobs = 2;"));
    uint64_t id = scene_insert(scene, "INSERT INTO dueq_job (kind, payload, max_attempts)"
                                      " VALUES ('guest', 'hang', 1)");
    uint64_t obedient = insert(scene, "cancelled"), later = insert(scene, "extend");
    expect_dead(scene, id, "exhausted",
                "told to stop and did not: its process was killed 100 ms later");
    expect_dead(scene, obedient, "handler", "stopped");
    scene_wait_all_gone(scene, LIMIT);
    assert_int_equal(errors_of(scene, later), 0);
    daemon_stop(daemon);
}

static void a_handler_may_answer_later(void **state)
{
    struct scene *scene = *state;
    struct process *daemon = daemon_start(config(scene, "", "count = 2; jobs = 2;"));
    uint64_t ids[20];
    for (size_t i = 0; i < 20; i++)
        ids[i] = insert(scene, "later");
    for (size_t i = 0; i < 20; i++)
        expect_dead(scene, ids[i], "handler", "said later");
    daemon_stop(daemon);
}

static void its_memory_and_its_processor_time_have_limits(void **state)
{
    struct scene *scene = *state;
    struct process *daemon = daemon_start(config(scene, "", "memory = 256; cpu = \"1s\";"));
    uint64_t glutton = insert(scene, "eat"), busy = insert(scene, "spin");
    expect_dead(scene, glutton, "handler", "full");
    expect_dead(scene, busy, "crashed", "used more processor time than its cpu allows");
    daemon_stop(daemon);
}

static void a_process_is_replaced_after_so_many_jobs(void **state)
{
    struct scene *scene = *state;
    struct process *daemon = daemon_start(config(scene, "", "count = 1; recycle = 5;"));
    for (size_t i = 0; i < 20; i++)
        (void) insert(scene, "process");
    scene_wait_all_gone(scene, LIMIT);
    sql_wait_until(scene->admin, LIMIT, "SELECT COUNT(*) = 20 FROM dueq_dead");
    assert_int_equal(sql_u64(scene->admin, "SELECT COUNT(DISTINCT message) FROM dueq_dead"), 4);
    daemon_stop(daemon);
    char *said = test_file_read(guest_file); /* each closes the plugin */
    size_t closed = 0;
    for (const char *at = said; (at = strstr(at, "closed")); at++)
        closed++;
    assert_in_range(closed, 4, 5);
    free(said);
}

static void processes_that_keep_dying_are_let_rest_and_their_jobs_wait(void **state)
{
    struct scene *scene = *state;
    struct process *daemon = daemon_start(config(scene, "claim = \"lease\";", ""));
    for (size_t i = 0; i < 12; i++)
        (void) insert(scene, "crash unless");
    process_expect_line(daemon, "the processes of a handler keep dying, its jobs wait", LIMIT);
    test_file_write(guest_file, 0600, "");
    process_expect_line(daemon, "the processes of a handler live again", LIMIT);
    scene_wait_all_gone(scene, LIMIT);
    /* Five opened it, three more may have been under way, and one may have been its probe. */
    assert_in_range(sql_u64(scene->admin, "SELECT COUNT(*) FROM dueq_error"), 5, 9);
    daemon_stop(daemon);
}

/* Its process is noted in *pid then. */
static bool guest_hangs(void *pid)
{
    FILE *said = fopen(guest_file, "re");
    bool hangs = said && fscanf(said, "hangs %d", (int *) pid) == 1;
    if (said)
        fclose(said);
    return hangs;
}

static bool is_gone(void *pid)
{
    return kill(*(const pid_t *) pid, 0) < 0 && errno == ESRCH;
}

static void nothing_outlives_the_daemon(void **state)
{
    struct scene *scene = *state;
    struct process *daemon = daemon_start(config(scene, "timeout = \"1h\";", ""));
    (void) insert(scene, "hang");
    pid_t pid = 0;
    assert_true(wait_until(guest_hangs, &pid, LIMIT));
    process_signal(daemon, SIGKILL);
    assert_int_equal(process_wait(daemon, LIMIT), 128 + SIGKILL);
    assert_true(wait_until(is_gone, &pid, LIMIT));
}

static void what_is_wrong_with_its_options_is_said_with_its_place(void **state)
{
    struct scene *scene = *state;
    scene->handlers = daemon_handlers((const char *const[]){ "guest", NULL });
    const char *file = scene_config_text(
        scene, "kinds = (\n { kind = \"guest\"; handler = \"guest\"; isolation = \"process\";\n"
               "   options = { fiel = \"x\"; }; } );\n");
    char *out, *err;
    assert_int_not_equal(
        process_run((const char *const[]){ "dueqd", "--check", "-c", file, NULL }, &out, &err), 0);
    if (!strstr(err, "kinds[0].options.fiel: handler 'guest' has no such option; did you mean "
                     "'file'?"))
        test_fail("%s", err);
    free(out);
    free(err);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENE_TEST(a_crash_costs_one_job_an_attempt_and_nobody_else_anything),
        SCENE_TEST(jobs_that_shared_the_process_are_run_again_uncharged),
        SCENE_TEST(a_job_that_does_not_stop_is_killed),
        SCENE_TEST(a_handler_may_answer_later),
        SCENE_TEST(its_memory_and_its_processor_time_have_limits),
        SCENE_TEST(a_process_is_replaced_after_so_many_jobs),
        SCENE_TEST(processes_that_keep_dying_are_let_rest_and_their_jobs_wait),
        SCENE_TEST(nothing_outlives_the_daemon),
        SCENE_TEST(what_is_wrong_with_its_options_is_said_with_its_place),
    };
    return SCENE_RUN(tests);
}
