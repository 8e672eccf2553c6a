#include <glob.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "daemon.h"
#include "directory.h"
#include "journal.h"
#include "scene.h"
#include "sql.h"
#include "wait.h"

/* Databases that are not as dueqd needs them: it says what is wrong and what to do, tries again,
 * and goes on by itself when it is put right. */

static struct process *start(const char *config)
{
    return process_start("dueqd", "-c", config, NULL);
}

static const char *config_of(struct scene *scene, const struct test_database *database,
                             const struct test_account *user)
{
    char text[1024];
    snprintf(text, sizeof text,
             "queues = ( { name = \"default\"; poll = \"10ms\"; } ); kinds = ( %s );",
             scene_noop(scene, "*"));
    return config_file_write(
        database,
        &(struct config_file){ .directory = scene->directory, .user = user, .text = text });
}

static void expect_serving(struct scene *scene)
{
    uint64_t id = scene_insert(scene, "INSERT INTO dueq_job (kind, payload) VALUES ('work', '')");
    journal_wait_count_of(scene->journal, id, 1, 30);
    scene_wait_all_gone(scene, 20);
}

static void a_wrong_password_is_said_and_tried_again(void **state)
{
    struct scene *scene = *state;
    struct test_account wrong = scene->database->daemon;
    snprintf(wrong.password, sizeof wrong.password, "guess");
    struct process *daemon = start(config_of(scene, scene->database, &wrong));
    process_expect_line(daemon, "Access denied for user", 20);
    assert_int_equal(process_count(daemon, "guess"), 0);
    sql_run(scene->admin, "ALTER USER '%s'@'%%' IDENTIFIED BY 'guess'", wrong.user);
    process_expect_line(daemon, ">ready", 40);
    expect_serving(scene);
    daemon_stop(daemon);
    sql_run(scene->admin, "ALTER USER '%s'@'%%' IDENTIFIED BY '%s'", wrong.user,
            scene->database->daemon.password);
}

static void an_unknown_database_is_said_and_tried_again(void **state)
{
    struct scene *scene = *state;
    struct test_database other = *scene->database;
    snprintf(other.name, sizeof other.name, "nope_%d", (int) getpid());
    /* Who has no privilege on it is told that, and not whether it is there. */
    struct process *daemon = start(config_of(scene, &other, NULL));
    process_expect_line(daemon, other.name, 20);
    sql_run(scene->admin, "GRANT SELECT ON `%s`.* TO '%s'@'%%'", other.name, other.daemon.user);
    process_signal(daemon, SIGKILL);
    daemon = start(config_of(scene, &other, NULL));
    process_expect_line(daemon, "Unknown database", 20);
    daemon_stop(daemon);
    sql_run(scene->admin, "REVOKE SELECT ON `%s`.* FROM '%s'@'%%'", other.name, other.daemon.user);
}

static void a_plan_that_sorts_is_warned_of_and_the_jobs_run(void **state)
{
    struct scene *scene = *state;
    sql_run(scene->admin, "ALTER TABLE dueq_job DROP KEY due, ADD KEY due (queue, priority,"
                          " next_run_at DESC)");
    struct process *daemon = start(config_of(scene, scene->database, NULL));
    process_expect_line(daemon, "claim_plan: the server does not plan the claim as a range", 20);
    expect_serving(scene);
    daemon_stop(daemon);
    sql_run(scene->admin, "ALTER TABLE dueq_job DROP KEY due, ADD KEY due (queue, priority,"
                          " next_run_at)");
}

static void a_missing_schema_is_said_with_what_to_run(void **state)
{
    struct scene *scene = *state;
    struct test_database *empty = test_database_new_empty();
    /* Its owner may read what is not there; the daemon's own user, with privileges on tables alone,
     * cannot even connect. */
    struct process *daemon = start(config_of(scene, empty, NULL));
    process_expect_line(daemon, "is the schema there (`dueq migrate`, as its owner)", 20);
    daemon_stop(daemon);
    daemon = start(config_of(scene, empty, &empty->owner));
    process_expect_line(daemon,
                        "there is no dueq schema in this database, and version 1 is wanted: "
                        "run `dueq migrate`",
                        20);
    daemon_stop(daemon);
    test_database_free(empty);
}

static void an_older_schema_is_refused_until_dueq_migrate_has_run(void **state)
{
    struct scene *scene = *state;
    sql_run(scene->admin, "UPDATE dueq_schema SET version = 0");
    struct process *daemon = start(config_of(scene, scene->database, NULL));
    process_expect_line(daemon, "the dueq schema is version 0, and this dueq", 20);
    assert_int_equal(process_count(daemon, "wants 1: run `dueq migrate`"), 1);

    const char *owners = config_file_write(
        scene->database, &(struct config_file){ .user = &scene->database->owner });
    const char *const migrate[] = { "dueq", "-c", owners, "migrate", NULL };
    assert_int_equal(process_run(migrate, NULL, NULL), 0);
    process_expect_line(daemon, ">ready", 40);
    expect_serving(scene);
    daemon_stop(daemon);
}

static void a_newer_schema_is_refused_with_both_versions(void **state)
{
    struct scene *scene = *state;
    sql_run(scene->admin, "UPDATE dueq_schema SET version = 7");
    struct process *daemon = start(config_of(scene, scene->database, NULL));
    process_expect_line(daemon, "the dueq schema is version 7, and this dueq", 20);
    assert_int_equal(process_count(daemon, "install a newer dueq"), 1);
    sql_run(scene->admin, "UPDATE dueq_schema SET version = 1");
    process_expect_line(daemon, ">ready", 40);
    expect_serving(scene);
    daemon_stop(daemon);
}

static void a_schema_that_changes_while_it_is_served_stops_the_claims(void **state)
{
    struct scene *scene = *state;
    struct process *daemon = daemon_start(config_of(scene, scene->database, NULL));
    expect_serving(scene);
    sql_run(scene->admin, "UPDATE dueq_schema SET version = 7");
    process_expect_line(daemon, "nothing is claimed any more: the dueq schema is version 7", 20);
    uint64_t id = scene_insert(scene, "INSERT INTO dueq_job (kind, payload) VALUES ('work', '')");
    daemon_wait_heartbeat(daemon, scene->admin);
    assert_int_equal(sql_u64(scene->admin, "SELECT attempts FROM dueq_job"), 0);
    sql_run(scene->admin, "UPDATE dueq_schema SET version = 1");
    journal_wait_count_of(scene->journal, id, 1, 20);
    daemon_stop(daemon);
}

static void a_missing_privilege_is_said_and_stops_only_the_jobs_that_need_it(void **state)
{
    struct scene *scene = *state;
    const char *user = scene->database->daemon.user;
    sql_run(scene->admin, "REVOKE INSERT ON dueq_dead FROM '%s'@'%%'", user);
    struct process *daemon = start(config_of(scene, scene->database, NULL));
    process_expect_line(daemon, "dueq_dead: INSERT", 20);
    process_expect_line(daemon, ">ready", 20);
    uint64_t id = scene_insert(scene, "INSERT INTO dueq_job (kind, payload) VALUES ('work', "
                                      "'{\"outcome\":\"dead\",\"message\":\"m\"}')");
    process_expect_line(daemon, "the database refuses an outcome: ", 20);
    scene_insert_many(scene, 200, "");
    journal_wait_count(scene->journal, 201, 20);
    sql_wait_until(scene->admin, 20, "SELECT COUNT(*) = 1 FROM dueq_job");
    assert_int_equal(journal_count_of(scene->journal, id), 1);

    sql_run(scene->admin, "GRANT INSERT ON dueq_dead TO '%s'@'%%'", user);
    scene_wait_all_gone(scene, 20);
    assert_int_equal(sql_u64(scene->admin,
                             "SELECT COUNT(*) FROM dueq_dead WHERE id = %llu AND message "
                             "= 'm' AND attempts = 1",
                             (unsigned long long) id),
                     1);
    assert_int_equal(journal_count_of(scene->journal, id), 1);
    daemon_stop(daemon);
}

static void without_a_privilege_that_claims_need_it_waits_for_it(void **state)
{
    struct scene *scene = *state;
    const char *user = scene->database->daemon.user;
    sql_run(scene->admin, "REVOKE UPDATE ON dueq_job FROM '%s'@'%%'", user);
    struct process *daemon = start(config_of(scene, scene->database, NULL));
    process_expect_line(daemon, "dueq_job: UPDATE", 20);
    uint64_t id = scene_insert(scene, "INSERT INTO dueq_job (kind, payload) VALUES ('work', '')");
    process_expect_line(daemon, "a claim failed, trying again: UPDATE command denied", 20);
    assert_int_equal(journal_count(scene->journal), 0);
    sql_run(scene->admin, "GRANT UPDATE ON dueq_job TO '%s'@'%%'", user);
    journal_wait_count_of(scene->journal, id, 1, 20);
    daemon_stop(daemon);
}

/* Numbers that the server gives to its connections, one after the other. */
static uint64_t new_connection_id(struct scene *scene)
{
    MYSQL *connection = test_connect(scene->database, NULL);
    uint64_t id = mysql_thread_id(connection);
    mysql_close(connection);
    return id;
}

struct attempts {
    struct scene *scene;
    uint64_t before;
    uint64_t ours; /* connections that the test itself has made since */
};

static bool has_tried_again(void *userdata)
{
    struct attempts *attempts = userdata;
    attempts->ours++;
    return new_connection_id(attempts->scene) >= attempts->before + attempts->ours + 3;
}

static void statement_binlog_is_said_with_what_to_do(void **state)
{
    (void) state;
    struct test_server *server = test_server_new(
        (const char *const[]){ "--binlog-format=STATEMENT", NULL });
    struct scene *scene = scene_new_on(server);
    struct process *daemon = start(config_of(scene, scene->database, NULL));
    process_expect_line(daemon, "binlog_format is STATEMENT", 20);
    const uint64_t before = new_connection_id(scene);
    sql_run(scene->producer, "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ");
    uint64_t id = scene_insert(scene, "INSERT INTO dueq_job (kind, payload) VALUES ('work', '')");
    process_expect_line(daemon, "impossible to write to binary log", 20);
    struct attempts attempts = { .scene = scene, .before = before };
    assert_true(wait_until(has_tried_again, &attempts, 20));
    assert_int_equal(process_count(daemon, "binlog_format is STATEMENT"), 1);
    assert_int_equal(journal_count(scene->journal), 0);
    sql_run(scene->admin, "SET GLOBAL binlog_format = 'ROW'");
    journal_wait_count_of(scene->journal, id, 1, 40);
    daemon_stop(daemon);
    scene_free(scene);
    test_server_free(server);
}

static void rows_that_somebody_keeps_locked_are_said_and_run_later(void **state)
{
    struct scene *scene = *state;
    MYSQL *locker = test_connect(scene->database, &scene->database->producer);
    uint64_t id = scene_insert(scene, "INSERT INTO dueq_job (kind, payload) VALUES ('work', '')");
    sql_run(locker, "START TRANSACTION; SELECT * FROM dueq_job WHERE id = %llu FOR UPDATE",
            (unsigned long long) id);
    struct process *daemon = daemon_start(config_of(scene, scene->database, NULL));
    uint64_t other = scene_insert(scene,
                                  "INSERT INTO dueq_job (kind, payload) VALUES ('work', '')");
    journal_wait_count_of(scene->journal, other, 1, 20);
    process_expect_line(daemon, "jobs are due but locked by another transaction", 30);
    mysql_close(locker);
    journal_wait_count_of(scene->journal, id, 1, 20);
    daemon_stop(daemon);
}

static void a_table_that_somebody_locks_is_waited_for_and_is_no_server_that_hangs(void **state)
{
    struct scene *scene = *state;
    scene->source = "read_timeout = \"2s\";";
    struct process *daemon = daemon_start(scene_config(scene, NULL, NULL));
    /* As an ALTER TABLE does, or one that has to wait for somebody's long transaction. */
    MYSQL *locker = test_connect(scene->database, NULL);
    sql_run(locker, "LOCK TABLES dueq_job WRITE");
    process_expect_line(daemon, "has to wait for another session", 30);
    daemon_wait_heartbeat(daemon, scene->admin);
    assert_int_equal(process_count(daemon, "cannot use the database"), 0);
    mysql_close(locker);
    expect_serving(scene);
    daemon_stop(daemon);
}

/* dueqd with a clock of its own; what it measures itself with stays as it is, as when somebody sets
 * a host's clock wrongly. */
static struct process *start_with_clock(const char *offset, const char *config)
{
    char fake[32];
    snprintf(fake, sizeof fake, "FAKETIME=%s", offset);
    const char *const arguments[] = { "dueqd", "-c", config, NULL };
    const char *const environment[] = { "LD_PRELOAD=/usr/$LIB/faketime/libfaketimeMT.so.1", fake,
                                        "FAKETIME_DONT_FAKE_MONOTONIC=1", NULL };
    struct process *daemon = process_start_with(arguments, environment, NULL);
    process_expect_line(daemon, ">ready", 30);
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/maps", (int) process_id(daemon));
    char *maps = test_file_read(path);
    assert_non_null(strstr(maps, "libfaketime"));
    free(maps);
    return daemon;
}

static void an_hour_between_the_clocks_of_hosts_and_database_changes_nothing(void **state)
{
    struct scene *scene = *state;
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    skip(); /* they want to be loaded first, too */
#endif
    glob_t found;
    if (glob("/usr/lib/*/faketime/libfaketimeMT.so.1", 0, NULL, &found) != 0)
        skip();
    globfree(&found);
    const char *config = scene_config(scene, "lease = \"1s\"; timeout = \"1h\";", NULL);
    struct process *ahead = start_with_clock("+1h", config);
    struct process *behind = start_with_clock("-1h", config);
    scene_insert(scene, "INSERT INTO dueq_job (kind, payload, next_run_at) VALUES ('later', '', "
                        "NOW(6) + INTERVAL 30 MINUTE)");
    scene_insert_many(scene, 4, "{\"outcome\":\"retry\",\"delay_ms\":1800000}");
    scene_insert_many(scene, 4, "{\"sleep_ms\":2500}");
    sql_run(scene->admin, "SET @due = NOW(6) + INTERVAL 1 SECOND");
    sql_run(scene->admin, "INSERT INTO dueq_job (kind, payload, next_run_at) VALUES ('soon', '', "
                          "@due)");
    uint64_t soon = mysql_insert_id(scene->admin);
    journal_wait_count_of(scene->journal, soon, 1, 20);
    assert_int_equal(sql_u64(scene->admin, "SELECT NOW(6) >= @due"), 1);
    sql_wait_until(scene->admin, 20, "SELECT COUNT(*) = 5 FROM dueq_job");
    journal_expect_each_once(scene->journal, 9);
    assert_int_equal(sql_u64(scene->admin,
                             "SELECT COUNT(*) FROM dueq_job WHERE next_run_at BETWEEN "
                             "NOW(6) + INTERVAL 1600 SECOND AND NOW(6) + INTERVAL "
                             "1800 SECOND AND lease IS NULL"),
                     5);
    assert_int_equal(sql_u64(scene->admin,
                             "SELECT COUNT(*) FROM dueq_error WHERE ABS(TIMESTAMPDIFF("
                             "SECOND, at, NOW(6))) < 60"),
                     4);
    assert_int_equal(sql_u64(scene->admin, "SELECT COUNT(*) FROM dueq_worker WHERE ABS("
                                           "TIMESTAMPDIFF(SECOND, seen_at, NOW(6))) < 60"),
                     2);
    daemon_stop(ahead);
    daemon_stop(behind);
}

/* A trigger that says no to one row must not stop the others, nor must a row that can be written
 * but as a dead letter. */
static void a_row_that_the_database_refuses_to_have_claimed_does_not_stop_the_others(void **state)
{
    struct scene *scene = *state;
    sql_run(
        scene->admin,
        "CREATE TRIGGER refuse BEFORE UPDATE ON dueq_job FOR EACH ROW BEGIN"
        " IF OLD.kind = 'cursed' THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'not this one';"
        " END IF; END");
    struct process *daemon = start(scene_config(scene, "claim = \"lease\";", NULL));
    scene_insert_many(scene, 50, "{}");
    uint64_t cursed = scene_insert(scene,
                                   "INSERT INTO dueq_job (kind, payload) VALUES ('cursed', '')");
    scene_insert_many(scene, 300, "{}");
    sql_wait_until(scene->admin, 60, "SELECT COUNT(*) = 1 FROM dueq_job");
    assert_int_equal(sql_u64(scene->admin, "SELECT id FROM dueq_job"), cursed);
    process_expect_line(daemon, "the database refuses a claim, the job is passed over", 20);
    assert_int_equal(process_count(daemon, "is passed over"), 1);
    sql_run(scene->admin, "DROP TRIGGER refuse");
    scene_wait_all_gone(scene, 30);
    journal_expect_each_once(scene->journal, 351);
    daemon_stop(daemon);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENE_TEST(a_wrong_password_is_said_and_tried_again),
        SCENE_TEST(an_unknown_database_is_said_and_tried_again),
        SCENE_TEST(a_plan_that_sorts_is_warned_of_and_the_jobs_run),
        SCENE_TEST(a_missing_schema_is_said_with_what_to_run),
        SCENE_TEST(an_older_schema_is_refused_until_dueq_migrate_has_run),
        SCENE_TEST(a_newer_schema_is_refused_with_both_versions),
        SCENE_TEST(a_schema_that_changes_while_it_is_served_stops_the_claims),
        SCENE_TEST(a_missing_privilege_is_said_and_stops_only_the_jobs_that_need_it),
        SCENE_TEST(without_a_privilege_that_claims_need_it_waits_for_it),
        SCENE_TEST(statement_binlog_is_said_with_what_to_do),
        SCENE_TEST(rows_that_somebody_keeps_locked_are_said_and_run_later),
        SCENE_TEST(a_table_that_somebody_locks_is_waited_for_and_is_no_server_that_hangs),
        SCENE_TEST(an_hour_between_the_clocks_of_hosts_and_database_changes_nothing),
        SCENE_TEST(a_row_that_the_database_refuses_to_have_claimed_does_not_stop_the_others),
    };
    return SCENE_RUN(tests);
}
