#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "daemon.h"
#include "directory.h"
#include "fail.h"
#include "journal.h"
#include "scene.h"
#include "sql.h"

/* Several databases in one daemon, and databases that are not there, go away and come back. */

/* A private server, and a scene on it, since the server of the run is not one test's to stop. */
static struct test_server *server;
static struct scene *private;

static int open_all(void **state)
{
    server = test_server_new(NULL);
    private = scene_new_on(server);
    return scene_open(state);
}

static int close_all(void **state)
{
    scene_free(private);
    test_server_free(server);
    return scene_close(state);
}

/* After the server was away the connections of the scene are gone, too. */
static int begin(void **state)
{
    if (mysql_ping(private->admin) != 0) { /* a test that failed has left it so */
        test_server_start(server);
        scene_connect_again(private);
    }
    test_database_clear(private->database);
    remove(private->journal);
    return scene_begin(state);
}

static void insert(struct scene *scene, const char *payload)
{
    sql_run(scene->producer, "INSERT INTO dueq_job (kind, payload) VALUES ('work', '%s')", payload);
}

/* A file with both databases, the one that may be down first; `scene` keeps the journal. */
static const char *both(struct scene *scene)
{
    static char path[160];
    char text[2048];
    snprintf(text, sizeof text,
             "sources = ( { name = \"frail\"; socket = \"%s\"; database = \"%s\"; user = \"%s\"; "
             "password = \"%s\"; }, { name = \"main\"; socket = \"%s\"; database = \"%s\"; user = "
             "\"%s\"; password = \"%s\"; } ); handlers = { directory = \"%s/handlers\"; };"
             "queues = ( { name = \"default\"; poll = \"10ms\"; } ); kinds = ( %s );",
             server->socket, private->database->name, private->database->daemon.user,
             private->database->daemon.password, scene->database->server->socket,
             scene->database->name, scene->database->daemon.user, scene->database->daemon.password,
             DUEQ_BINARY_DIR, scene_noop(scene, "*"));
    snprintf(path, sizeof path, "%s/dueq.conf", scene->directory);
    test_file_write(path, 0600, text);
    return path;
}

static void one_daemon_serves_several_databases(void **state)
{
    struct scene *scene = *state;
    struct process *daemon = daemon_start(both(scene));
    for (int i = 0; i < 500; i++) {
        insert(scene, "");
        insert(private, "");
    }
    scene_wait_all_gone(scene, 30);
    scene_wait_all_gone(private, 30);
    /* The ids of the two are the same numbers, the message ids are not. */
    assert_int_equal(journal_count(scene->journal), 1000);
    daemon_stop(daemon);
    assert_int_equal(sql_u64(scene->admin, "SELECT COUNT(*) FROM dueq_worker"), 0);
    assert_int_equal(sql_u64(private->admin, "SELECT COUNT(*) FROM dueq_worker"), 0);
}

static void a_database_that_is_down_does_not_stop_the_others(void **state)
{
    struct scene *scene = *state;
    test_server_stop(server);
    struct process *daemon = process_start("dueqd", "-c", both(scene), NULL);
    process_expect_line(daemon, "cannot use the database, trying again: ", 20);
    process_expect_line(daemon, ">ready", 20); /* with the other one */
    insert(scene, "");
    scene_wait_all_gone(scene, 20);
    journal_expect_each_once(scene->journal, 1);

    test_server_start(server);
    scene_connect_again(private);
    insert(private, "");
    scene_wait_all_gone(private, 40);
    assert_int_equal(journal_count(scene->journal), 2);
    process_expect_line(daemon, "the database works again: source=frail", 20);
    daemon_stop(daemon);
}

static void a_server_that_is_down_at_the_start_is_waited_for(void **state)
{
    struct scene *scene = *state;
    test_server_stop(server);
    const char *config = scene_config(private, NULL, NULL);
    struct process *daemon = process_start("dueqd", "-c", config, NULL);
    process_expect_line(daemon, "cannot use the database, trying again: ", 20);
    /* Once, not with each attempt, of which there are several until the server is up. */
    test_server_start(server);
    scene_connect_again(private);
    process_expect_line(daemon, ">ready", 40);
    assert_int_equal(process_count(daemon, "cannot use the database"), 1);
    insert(private, "");
    scene_wait_all_gone(private, 20);
    daemon_stop(daemon);
    (void) scene;
}

static void a_daemon_that_waits_for_its_server_ends_when_it_is_told_to(void **state)
{
    (void) state;
    test_server_stop(server);
    struct process *daemon = process_start("dueqd", "-c", scene_config(private, NULL, NULL), NULL);
    process_expect_line(daemon, "cannot use the database, trying again: ", 20);
    daemon_stop(daemon);
    test_server_start(server);
    scene_connect_again(private);
}

static void restart_in_the_middle(struct scene *scene, void (*end)(struct test_server *))
{
    enum { JOBS = 3000 };
    struct process *daemon = daemon_start(scene_config(scene, "threads = 4;", NULL));
    scene_insert_many(scene, JOBS, "{\"sleep_ms\":1}");
    journal_wait_count(scene->journal, JOBS / 4, 30);
    end(server);
    test_server_start(server);
    scene_connect_again(scene);
    scene_wait_all_gone(scene, 90);
    size_t jobs = 0, repeated = journal_repeated(scene->journal, &jobs);
    assert_int_equal(jobs, JOBS);
    assert_int_equal(repeated, 0); /* the lease of 60 s outlives the restart */
    assert_int_equal(sql_u64(scene->admin, "SELECT COUNT(*) FROM dueq_error"), 0);
    assert_int_equal(process_count(daemon, "an outcome is refused"), 0);
    daemon_stop(daemon);
}

static void a_restart_of_the_server_in_the_middle_loses_and_doubles_nothing(void **state)
{
    (void) state;
    restart_in_the_middle(private, test_server_stop);
}

static void a_crash_of_the_server_in_the_middle_loses_and_doubles_nothing(void **state)
{
    (void) state;
    restart_in_the_middle(private, test_server_kill);
}

static void a_server_that_hangs_is_given_up_and_comes_back(void **state)
{
    (void) state;
    enum { JOBS = 400 };
    private->source = "read_timeout = \"1s\"; connect_timeout = \"1s\";";
    struct process *daemon = daemon_start(scene_config(private, "threads = 4;", NULL));
    private->source = NULL;
    scene_insert_many(private, JOBS, "{\"sleep_ms\":5}");
    journal_wait_count(private->journal, JOBS / 4, 30);
    test_server_freeze(server);
    process_expect_line(daemon, "cannot use the database, trying again: ", 30);
    test_server_thaw(server);
    scene_wait_all_gone(private, 60);
    size_t jobs = 0, repeated = journal_repeated(private->journal, &jobs);
    assert_int_equal(jobs, JOBS);
    assert_int_equal(repeated, 0);
    daemon_stop(daemon);
}

/* Every connection that the daemon's user has, as soon as it has one; returns how many. */
static unsigned kill_connections(struct scene *scene)
{
    unsigned killed = 0;
    sql_wait_until(scene->admin, 20,
                   "SELECT COUNT(*) > 0 FROM information_schema.processlist WHERE user = '%s'",
                   scene->database->daemon.user);
    char *ids = sql_text(scene->admin,
                         "SELECT GROUP_CONCAT(CONCAT('KILL ', id) SEPARATOR ';') FROM "
                         "information_schema.processlist WHERE user = '%s'",
                         scene->database->daemon.user);
    for (char *rest = ids, *one; rest && (one = strsep(&rest, ";"));)
        killed += sql_try(scene->admin, "%s", one) == 0; /* one may be gone already */
    free(ids);
    return killed;
}

static void connections_killed_again_and_again_lose_and_double_nothing(void **state)
{
    struct scene *scene = *state;
    enum { JOBS = 10000, ROUNDS = 50 };
    unsigned killed = 0;
    scene->source = "lanes = 4;";
    struct process *daemon = daemon_start(scene_config(scene, NULL, NULL));
    scene_insert_many(scene, JOBS, "{\"sleep_ms\":2}");
    sql_run(scene->admin, "UPDATE dueq_job SET unique_key = id WHERE id %% 2 = 0");
    for (int i = 1; i <= ROUNDS; i++) {
        journal_wait_count(scene->journal, (size_t) (i * JOBS / (ROUNDS + 1)), 60);
        killed += kill_connections(scene);
    }
    scene_wait_all_gone(scene, 90);
    print_message("             %u connections were killed\n", killed);
    journal_expect_each_once(scene->journal, JOBS);
    assert_int_equal(sql_u64(scene->admin, "SELECT COUNT(*) FROM dueq_error"), 0);
    assert_int_equal(process_count(daemon, "an outcome is refused"), 0);
    assert_true(killed >= ROUNDS);
    daemon_stop(daemon);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, scene_end)
    const struct CMUnitTest tests[] = {
        TEST(one_daemon_serves_several_databases),
        TEST(a_database_that_is_down_does_not_stop_the_others),
        TEST(a_server_that_is_down_at_the_start_is_waited_for),
        TEST(a_daemon_that_waits_for_its_server_ends_when_it_is_told_to),
        TEST(a_restart_of_the_server_in_the_middle_loses_and_doubles_nothing),
        TEST(a_crash_of_the_server_in_the_middle_loses_and_doubles_nothing),
        TEST(a_server_that_hangs_is_given_up_and_comes_back),
        TEST(connections_killed_again_and_again_lose_and_double_nothing),
    };
    return cmocka_run_group_tests(tests, open_all, close_all);
}
