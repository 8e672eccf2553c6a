#include <stdio.h>
#include <string.h>

#include "daemon.h"
#include "journal.h"
#include "scene.h"
#include "sql.h"

/* Who comes when in the middle of a drain: a busy queue must hide nothing. */

enum { LIMIT = 60, JOBS = 6000 };

/* The line of the job's first run. */
static size_t line_of(const char *path, uint64_t id)
{
    struct journal journal;
    size_t line = SIZE_MAX;
    journal_read(path, &journal);
    for (size_t i = 0; i < journal.count && line == SIZE_MAX; i++)
        if (journal.runs[i].id == id)
            line = journal.runs[i].line;
    journal_done(&journal);
    return line;
}

/* The drain takes seconds; the job comes when a part of it is through, and is run long before the
 * rest of it is. */
static void expect_run_in_the_middle(struct scene *scene, uint64_t id, size_t before)
{
    journal_wait_count_of(scene->journal, id, 1, LIMIT);
    size_t line = line_of(scene->journal, id);
    scene_wait_all_gone(scene, LIMIT);
    printf("begun %zu runs after it came, of %zu that were left\n", line - before, JOBS - before);
    assert_true(line >= before && line < before + (JOBS - before) / 2);
    journal_expect_each_once(scene->journal, JOBS + 1);
}

static struct process *start(struct scene *scene, const char *claim)
{
    char queue[160];
    snprintf(queue, sizeof queue, "claim = \"%s\"; threads = 4; batch = 50;", claim);
    const char *config = scene_config(scene, queue, NULL);
    scene_insert_many(scene, JOBS, "{\"sleep_ms\":2}");
    struct process *daemon = daemon_start(config);
    journal_wait_count(scene->journal, JOBS / 10, LIMIT);
    return daemon;
}

/* Its next_run_at is that of the INSERT, and lies before all that is claimed when it commits. */
static void late_commit(struct scene *scene, const char *claim)
{
    MYSQL *late = test_connect(scene->database, &scene->database->producer);
    sql_run(late, "BEGIN; INSERT INTO dueq_job (kind, payload) VALUES ('work', '')");
    uint64_t id = mysql_insert_id(late);
    sql_run(scene->admin, "SET @before = NOW(6)");
    struct process *daemon = start(scene, claim);
    /* The jobs of the drain fell due later, and many of them have been claimed. */
    sql_wait_until(scene->admin, LIMIT, "SELECT MIN(next_run_at) > @before FROM dueq_job");
    size_t before = journal_count(scene->journal);
    sql_run(late, "COMMIT");
    mysql_close(late);
    expect_run_in_the_middle(scene, id, before);
    daemon_stop(daemon);
}

static void a_job_committed_behind_the_watermark_is_found_in_the_middle_of_a_drain(void **state)
{
    late_commit(*state, "hold");
}

static void and_where_jobs_are_leased(void **state)
{
    late_commit(*state, "lease");
}

/* Each of them passes over what the others seem to have claimed. */
static void and_where_several_daemons_share_the_queue(void **state)
{
    struct scene *scene = *state;
    MYSQL *late = test_connect(scene->database, &scene->database->producer);
    sql_run(late, "BEGIN; INSERT INTO dueq_job (kind, payload) VALUES ('work', '')");
    uint64_t id = mysql_insert_id(late);
    sql_run(scene->admin, "SET @before = NOW(6)");
    const char *config = scene_config(scene, "claim = \"lease\"; threads = 2; batch = 50;", NULL);
    scene_insert_many(scene, JOBS, "{\"sleep_ms\":4}");
    struct process *daemons[3];
    for (size_t i = 0; i < 3; i++)
        daemons[i] = daemon_start(config);
    journal_wait_count(scene->journal, JOBS / 10, LIMIT);
    sql_wait_until(scene->admin, LIMIT, "SELECT MIN(next_run_at) > @before FROM dueq_job");
    size_t before = journal_count(scene->journal);
    sql_run(late, "COMMIT");
    mysql_close(late);
    expect_run_in_the_middle(scene, id, before);
    for (size_t i = 0; i < 3; i++)
        daemon_stop(daemons[i]);
}

static void a_better_priority_comes_first_in_the_middle_of_a_drain(void **state)
{
    struct scene *scene = *state;
    struct process *daemon = start(scene, "adaptive");
    size_t before = journal_count(scene->journal);
    uint64_t id = scene_insert(
        scene, "INSERT INTO dueq_job (kind, payload, priority) VALUES ('work', '', 0)");
    expect_run_in_the_middle(scene, id, before);
    daemon_stop(daemon);
}

static void a_single_job_of_another_queue_does_not_wait_for_a_busy_one(void **state)
{
    struct scene *scene = *state;
    char text[1200];
    snprintf(text, sizeof text,
             "queues = ( { name = \"default\"; threads = 4; batch = 50; },"
             " { name = \"other\"; threads = 1; } );\nkinds = ( %s );\n",
             scene_noop(scene, "*"));
    const char *config = scene_config_text(scene, "%s", text);
    scene_insert_many(scene, JOBS, "{\"sleep_ms\":2}");
    struct process *daemon = daemon_start(config);
    journal_wait_count(scene->journal, JOBS / 10, LIMIT);
    size_t before = journal_count(scene->journal);
    uint64_t id = scene_insert(
        scene, "INSERT INTO dueq_job (queue, kind, payload) VALUES ('other', 'work', '')");
    expect_run_in_the_middle(scene, id, before);
    daemon_stop(daemon);
}

static void update_often(struct scene *scene, unsigned count)
{
    sql_run(scene->admin, "INSERT INTO dueq_queue (queue, paused) VALUES ('scratch', 0)");
    for (unsigned i = 0; i < count; i++)
        sql_run(scene->admin, "UPDATE dueq_queue SET rate = %u WHERE queue = 'scratch'", i + 1);
}

static void a_server_that_falls_behind_is_spared_until_it_has_caught_up(void **state)
{
    struct scene *scene = *state;
    sql_run(scene->admin, "GRANT PROCESS ON *.* TO '%s'@'%%'", scene->database->daemon.user);
    MYSQL *snapshot = test_connect(scene->database, NULL);
    sql_run(snapshot, "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ;"
                      "START TRANSACTION WITH CONSISTENT SNAPSHOT");
    update_often(scene, 800);
    scene->source = "protect = { history = 500; };";
    scene_insert_many(scene, 2000, "{\"sleep_ms\":2}");
    struct process *daemon = process_start("dueqd", "-c", scene_config(scene, "threads = 2;", NULL),
                                           NULL); /* it may say so before it is ready */
    process_expect_line(daemon, "the server falls behind, claims are slowed down: its history list",
                        LIMIT);
    scene_wait_all_gone(scene, LIMIT); /* though slowly */
    mysql_close(snapshot);
    scene_insert_many(scene, 10, "{}");
    process_expect_line(daemon, "the server has caught up", LIMIT);
    scene_wait_all_gone(scene, LIMIT);
    journal_expect_each_once(scene->journal, 2010);
    daemon_stop(daemon);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENE_TEST(a_job_committed_behind_the_watermark_is_found_in_the_middle_of_a_drain),
        SCENE_TEST(and_where_jobs_are_leased),
        SCENE_TEST(and_where_several_daemons_share_the_queue),
        SCENE_TEST(a_better_priority_comes_first_in_the_middle_of_a_drain),
        SCENE_TEST(a_server_that_falls_behind_is_spared_until_it_has_caught_up),
        SCENE_TEST(a_single_job_of_another_queue_does_not_wait_for_a_busy_one),
    };
    return SCENE_RUN(tests);
}
