#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "daemon.h"
#include "directory.h"
#include "fail.h"
#include "journal.h"
#include "scene.h"
#include "sql.h"

/* SIGHUP: all or nothing, and without a job lost or run twice. */

static void a_new_queue_and_a_new_binding_take_effect(void **state)
{
    struct scene *scene = *state;
    struct process *daemon = daemon_start(scene_config_text(
        scene, "queues = ( { name = \"default\"; poll = \"10ms\"; } ); kinds = ( %s );",
        scene_noop(scene, "old")));
    scene_insert(scene, "INSERT INTO dueq_job (queue, kind, payload) VALUES ('late', 'new', ''),"
                        " ('default', 'old', '')");
    sql_wait_until(scene->admin, 20, "SELECT COUNT(*) = 1 FROM dueq_job");
    (void) scene_config_text(scene,
                             "queues = ( { name = \"default\"; }, { name = \"late\"; poll = "
                             "\"10ms\"; } ); kinds = ( %s );",
                             scene_noop(scene, "new"));
    daemon_reload(daemon);
    scene_wait_all_gone(scene, 20);
    journal_expect_each_once(scene->journal, 2);
    daemon_stop(daemon);
}

static void running_jobs_end_under_the_configuration_that_they_began_with(void **state)
{
    struct scene *scene = *state;
    const char *gate = scene->directory;
    /* Runs until the file is there. */
    const char *const text =
        "queues = ( { name = \"default\"; poll = \"10ms\"; timeout = \"1h\"; } ); kinds = ( { kind "
        "= "
        "\"wait\"; handler = \"exec\"; options = { command = [ \"/bin/sh\", \"-c\", \"echo begun "
        ">> "
        "%s/log; until [ -e %s/gate ]; do sleep 0.05; done; echo %s >> %s/log\" ]; }; } );";
    struct process *daemon = daemon_start(scene_config_text(scene, text, gate, gate, "old", gate));
    scene_insert(scene, "INSERT INTO dueq_job (kind, payload) VALUES ('wait', '')");
    char log[160];
    snprintf(log, sizeof log, "%s/log", gate);
    sql_wait_until(scene->admin, 20, "SELECT lease IS NOT NULL FROM dueq_job");
    (void) scene_config_text(scene, text, gate, gate, "new", gate);
    daemon_reload(daemon);
    scene_insert(scene, "INSERT INTO dueq_job (kind, payload) VALUES ('wait', '')");
    sql_wait_until(scene->admin, 20, "SELECT COUNT(*) = 2 FROM dueq_job WHERE lease IS NOT NULL");
    char path[160];
    snprintf(path, sizeof path, "%s/gate", gate);
    test_file_write(path, 0644, "");
    scene_wait_all_gone(scene, 20);
    process_expect_line(daemon, "the jobs of an earlier configuration have ended", 20);
    char *written = test_file_read(log);
    assert_non_null(strstr(written, "old\n"));
    assert_non_null(strstr(written, "new\n"));
    free(written);
    assert_int_equal(sql_u64(scene->admin, "SELECT COUNT(*) FROM dueq_error"), 0);
    assert_int_equal(sql_u64(scene->admin, "SELECT COUNT(*) FROM dueq_worker"), 1);
    daemon_stop(daemon);
}

static void expect_refused(struct process *daemon, const char *line)
{
    process_signal(daemon, SIGHUP);
    process_expect_line(daemon, line, 20);
    process_expect_line(daemon, "reload refused, the configuration in force stays", 20);
}

static void expect_serving(struct scene *scene)
{
    uint64_t id = scene_insert(scene, "INSERT INTO dueq_job (kind, payload) VALUES ('work', '')");
    journal_wait_count_of(scene->journal, id, 1, 20);
    scene_wait_all_gone(scene, 20);
}

static void a_bad_file_is_refused_with_its_line_and_the_old_one_stays_in_force(void **state)
{
    struct scene *scene = *state;
    const char *config = scene_config(scene, NULL, NULL);
    struct process *daemon = daemon_start(config);
    char line[256];

    /* An unknown key, no syntax at all, no handler of that name, an option that it does not know.
     */
    scene_config_text(scene, "\n\nqueues = ( { name = \"default\"; treads = 3; } );");
    snprintf(line, sizeof line, "%s:5: queues[0].treads", config);
    expect_refused(daemon, line);
    expect_serving(scene);

    scene_config_text(scene, "queues = ( {");
    snprintf(line, sizeof line, "%s:", config);
    expect_refused(daemon, line);
    expect_serving(scene);

    scene_config_text(scene, "kinds = ( { kind = \"*\"; handler = \"nope\"; } );");
    snprintf(line, sizeof line, "%s:3: kinds[0].handler", config);
    expect_refused(daemon, line);
    expect_serving(scene);

    scene_config_text(scene, "kinds = ( { kind = \"*\"; handler = \"noop\"; options = { sleeep = "
                             "\"1s\"; }; } );");
    snprintf(line, sizeof line, "%s:3: kinds[0].options.sleeep", config);
    expect_refused(daemon, line);
    expect_serving(scene);

    char password[160];
    scene_config(scene, NULL, NULL);
    snprintf(password, sizeof password, "%s/password", scene->directory);
    assert_int_equal(remove(password), 0);
    expect_refused(daemon, "password");
    expect_serving(scene);

    /* And a good one is taken after all. */
    scene_config(scene, NULL, NULL);
    daemon_reload(daemon);
    expect_serving(scene);
    daemon_stop(daemon);
}

static void a_plugin_that_is_broken_is_named_and_the_old_one_stays_in_force(void **state)
{
    struct scene *scene = *state;
    scene->handlers = daemon_handlers((const char *const[]){ "noop", NULL });
    struct process *daemon = daemon_start(scene_config(scene, NULL, NULL));
    char new[160], old[160];
    snprintf(new, sizeof new, "%s/.new", scene->handlers);
    snprintf(old, sizeof old, "%s/noop.so", scene->handlers);
    test_file_write(new, 0755, "this is no library");
    assert_int_equal(rename(new, old), 0);
    expect_refused(daemon, old);
    expect_serving(scene);

    daemon_install_handler(scene->handlers, "noop");
    daemon_reload(daemon);
    expect_serving(scene);
    daemon_stop(daemon);
}

static void reloads_in_the_middle_of_many_jobs_lose_and_double_nothing(void **state)
{
    struct scene *scene = *state;
    enum { JOBS = 20000, RELOADS = 8 };
    struct process *daemon = daemon_start(scene_config(scene, NULL, NULL));
    scene_insert_many(scene, JOBS, "{\"sleep_ms\":1}");
    for (int i = 1; i <= RELOADS; i++) {
        journal_wait_count(scene->journal, (size_t) (i * JOBS / (RELOADS + 1)), 60);
        daemon_reload(daemon);
    }
    scene_wait_all_gone(scene, 90);
    journal_expect_each_once(scene->journal, JOBS);
    assert_int_equal(sql_u64(scene->admin, "SELECT COUNT(*) FROM dueq_error"), 0);
    sql_wait_until(scene->admin, 20, "SELECT COUNT(*) = 1 FROM dueq_worker");
    daemon_stop(daemon);
    assert_int_equal(sql_u64(scene->admin, "SELECT COUNT(*) FROM dueq_worker"), 0);
}

static void reloads_leave_no_files_and_no_threads_behind(void **state)
{
    struct scene *scene = *state;
    struct process *daemon = daemon_start(scene_config(scene, NULL, NULL));
    daemon_reload(daemon);
    process_expect_line(daemon, "the jobs of an earlier configuration have ended", 20);
    expect_serving(scene);
    unsigned files = daemon_open_files(daemon), threads = daemon_threads(daemon);
    for (int i = 0; i < 5; i++) {
        daemon_reload(daemon);
        process_expect_line(daemon, "the jobs of an earlier configuration have ended", 20);
    }
    expect_serving(scene);
    /* A lane opens its connection when it has something to do. */
    assert_true(daemon_open_files(daemon) <= files + 1);
    assert_int_equal(daemon_threads(daemon), threads);
    daemon_stop(daemon);
}

static void sigterm_ends_the_jobs_of_earlier_configurations_too(void **state)
{
    struct scene *scene = *state;
    struct process *daemon = daemon_start(
        scene_config(scene, "timeout = \"1h\"; lease = \"1h\";", "drain = \"1s\";"));
    for (int i = 1; i <= 3; i++) {
        scene_insert(scene, "INSERT INTO dueq_job (kind, payload) VALUES ('work', "
                            "'{\"sleep_ms\":3600000}')");
        journal_wait_count(scene->journal, (size_t) i, 20);
        daemon_reload(daemon);
    }
    daemon_stop(daemon);
    assert_int_equal(sql_u64(scene->admin, "SELECT COUNT(*) FROM dueq_job WHERE lease IS NULL AND "
                                           "attempts = 0"),
                     3);
    assert_int_equal(journal_count(scene->journal_end), 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENE_TEST(a_new_queue_and_a_new_binding_take_effect),
        SCENE_TEST(running_jobs_end_under_the_configuration_that_they_began_with),
        SCENE_TEST(a_bad_file_is_refused_with_its_line_and_the_old_one_stays_in_force),
        SCENE_TEST(a_plugin_that_is_broken_is_named_and_the_old_one_stays_in_force),
        SCENE_TEST(reloads_in_the_middle_of_many_jobs_lose_and_double_nothing),
        SCENE_TEST(reloads_leave_no_files_and_no_threads_behind),
        SCENE_TEST(sigterm_ends_the_jobs_of_earlier_configurations_too),
    };
    return SCENE_RUN(tests);
}
