#include "database.h"
#include "fail.h"
#include "server.h"
#include "sql.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "config_file.h"
#include "directory.h"
#include "wait.h"

enum { ER_TABLEACCESS_DENIED = 1142, ER_DBACCESS_DENIED = 1044, LIMIT_S = 60 };

static struct test_database *database;

static int set_up(void **state)
{
    (void) state;
    database = test_database_new();
    return 0;
}

static int tear_down(void **state)
{
    (void) state;
    test_database_free(database);
    return 0;
}

static void a_database_has_the_schema(void **state)
{
    (void) state;
    assert_int_equal(sql_u64(database->admin, "SELECT version FROM dueq_schema"), 1);
    assert_int_equal(sql_u64(database->admin, "SELECT COUNT(*) FROM dueq_job"), 0);
}

static void two_databases_do_not_see_each_other(void **state)
{
    (void) state;
    struct test_database *other = test_database_new();
    sql_run(other->admin, "INSERT INTO dueq_job (kind, payload) VALUES ('a', '')");
    assert_int_equal(sql_u64(database->admin, "SELECT COUNT(*) FROM dueq_job"), 0);

    MYSQL *daemon = test_connect(database, &database->daemon);
    assert_int_equal(sql_try(daemon, "SELECT * FROM `%s`.dueq_job", other->name),
                     ER_TABLEACCESS_DENIED);
    mysql_close(daemon);
    test_database_free(other);
}

static void a_freed_database_is_gone_with_its_users(void **state)
{
    (void) state;
    struct test_database *other = test_database_new();
    char *name = strdup(other->name), *user = strdup(other->daemon.user);
    test_database_free(other);
    assert_int_equal(sql_u64(database->admin,
                             "SELECT COUNT(*) FROM information_schema.schemata WHERE schema_name "
                             "= '%s'",
                             name),
                     0);
    assert_int_equal(
        sql_u64(database->admin, "SELECT COUNT(*) FROM mysql.user WHERE user = '%s'", user), 0);
    free(name);
    free(user);
}

static void clearing_empties_all_tables_but_the_schema_version(void **state)
{
    (void) state;
    sql_run(database->admin, "INSERT INTO dueq_job (kind, payload) VALUES ('a', '');"
                             "INSERT INTO dueq_queue (queue) VALUES ('q')");
    test_database_clear(database);
    assert_int_equal(sql_u64(database->admin, "SELECT (SELECT COUNT(*) FROM dueq_job) + (SELECT "
                                              "COUNT(*) FROM dueq_queue)"),
                     0);
    assert_int_equal(sql_u64(database->admin, "SELECT COUNT(*) FROM dueq_schema"), 1);
}

static void an_empty_database_takes_the_schema_from_its_owner_and_then_the_grants(void **state)
{
    (void) state;
    struct test_database *empty = test_database_new_empty();
    MYSQL *owner = test_connect(empty, &empty->owner);
    char *schema = test_file_read(DUEQ_SOURCE_DIR "/schema/0001_init.sql");
    sql_run(owner, "%s", schema);
    sql_run(owner, "%s", schema); /* again does no harm */
    test_database_grant(empty);
    MYSQL *daemon = test_connect(empty, &empty->daemon);
    assert_int_equal(sql_u64(daemon, "SELECT version FROM dueq_schema"), 1);
    mysql_close(daemon);
    mysql_close(owner);
    free(schema);
    test_database_free(empty);
}

/* What each may not do: the other half, what each must be able to do, is what all other tests are
 * about. */
static void no_user_may_do_more_than_its_role_needs(void **state)
{
    (void) state;
    MYSQL *daemon = test_connect(database, &database->daemon);
    MYSQL *producer = test_connect(database, &database->producer);
    MYSQL *operator= test_connect(database, &database->operator);
    sql_run(database->admin, "CREATE TABLE orders (id INT)");

    MYSQL *const all[] = { daemon, producer, operator};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        assert_int_equal(sql_try(all[i], "SELECT * FROM orders"), ER_TABLEACCESS_DENIED);
        assert_int_equal(sql_try(all[i], "CREATE TABLE t (id INT)"), ER_TABLEACCESS_DENIED);
        assert_int_equal(sql_try(all[i], "DROP TABLE dueq_job"), ER_TABLEACCESS_DENIED);
        assert_int_equal(sql_try(all[i], "ALTER TABLE dueq_job ADD COLUMN c INT"),
                         ER_TABLEACCESS_DENIED);
        assert_int_equal(sql_try(all[i], "UPDATE dueq_schema SET version = 2"),
                         ER_TABLEACCESS_DENIED);
        assert_int_not_equal(sql_try(all[i], "SELECT * FROM mysql.user"), 0);
    }
    assert_int_equal(sql_try(producer, "SELECT * FROM dueq_dead"), ER_TABLEACCESS_DENIED);
    assert_int_equal(sql_try(producer, "SELECT * FROM dueq_schema"), ER_TABLEACCESS_DENIED);
    assert_int_equal(sql_try(operator, "DELETE FROM dueq_worker"), ER_TABLEACCESS_DENIED);

    sql_run(database->admin, "DROP TABLE orders");
    mysql_close(daemon);
    mysql_close(producer);
    mysql_close(operator);
}

/* docs/grants.md names the statements that need each privilege of a producer. */
static void a_producer_can_do_what_the_manual_offers_it(void **state)
{
    (void) state;
    MYSQL *producer = test_connect(database, &database->producer);
    sql_run(producer, "INSERT INTO dueq_job (kind, payload, unique_key) VALUES ('a', '', 'k')");
    sql_run(producer, "INSERT INTO dueq_job (kind, payload, unique_key) VALUES ('a', '', 'k') "
                      "ON DUPLICATE KEY UPDATE id = id");
    assert_int_equal(sql_run(producer, "UPDATE dueq_job SET next_run_at = NOW(6) WHERE "
                                       "unique_key = 'k' AND lease IS NULL"),
                     1);
    assert_int_equal(sql_run(producer, "DELETE FROM dueq_job WHERE unique_key = 'k'"), 1);
    mysql_close(producer);
}

static void sql_try_tells_the_error_of_any_of_several_statements(void **state)
{
    (void) state;
    enum { ER_NO_SUCH_TABLE = 1146 };
    assert_int_equal(sql_try(database->admin, "DO 0; SELECT 1; SELECT * FROM nowhere; DO 0"),
                     ER_NO_SUCH_TABLE);
    assert_int_equal(sql_try(database->admin, "DO 0; SELECT 1"), 0);
}

static void a_condition_in_sql_is_waited_for(void **state)
{
    (void) state;
    sql_run(database->admin, "SET @left = 4");
    sql_wait_until(database->admin, LIMIT_S, "SELECT (@left := @left - 1) = 0");
    assert_int_equal(sql_u64(database->admin, "SELECT @left = 0"), 1);
}

static void a_config_file_names_the_daemons_user_and_hides_its_password(void **state)
{
    (void) state;
    const char *directory = test_directory_new();
    const char *path = config_file_write(
        database, &(struct config_file){ .directory = directory, .text = "queues = ();" });
    char *text = test_file_read(path);
    assert_non_null(strstr(text, database->daemon.user));
    assert_non_null(strstr(text, database->server->socket));
    assert_non_null(strstr(text, "queues = ();"));
    assert_null(strstr(text, database->daemon.password));
    free(text);

    char password_file[128];
    snprintf(password_file, sizeof password_file, "%s/password", directory);
    text = test_file_read(password_file);
    assert_string_equal(text, database->daemon.password);
    free(text);
}

static void a_server_of_ones_own_keeps_what_was_committed_when_it_is_killed(void **state)
{
    (void) state;
    struct test_server *server = test_server_new(
        (const char *const[]){ "--innodb-lock-wait-timeout=7", NULL });
    struct test_database *own = test_database_new_on(server);
    assert_int_equal(sql_u64(own->admin, "SELECT @@global.innodb_lock_wait_timeout"), 7);
    sql_run(own->admin, "INSERT INTO dueq_job (kind, payload) VALUES ('a', '')");

    test_server_kill(server);
    assert_int_not_equal(sql_try(own->admin, "SELECT 1"), 0);
    test_server_start(server);
    MYSQL *connection = test_connect(own, NULL);
    assert_int_equal(sql_u64(connection, "SELECT COUNT(*) FROM dueq_job"), 1);
    assert_int_equal(sql_u64(connection, "SELECT @@global.innodb_lock_wait_timeout"), 7);
    mysql_close(connection);

    test_database_free(own);
    test_server_free(server);
}

static bool is_no_process(void *pid)
{
    char path[32];
    snprintf(path, sizeof path, "/proc/%d/stat", *(pid_t *) pid);
    FILE *file = fopen(path, "re");
    if (!file)
        return true;
    char state = 0;
    (void) !fscanf(file, "%*d %*s %c", &state);
    fclose(file);
    return state == 'Z';
}

static bool is_gone(void *path)
{
    return access(path, F_OK) < 0;
}

/* What a child of the test starts, and how that child ends. Returns when the server's process is
 * gone. */
static void a_server_is_gone_after(void (*end)(const struct test_server *server))
{
    int ends[2];
    char pid_text[16] = "", path[64];
    assert_int_equal(pipe(ends), 0);
    fflush(NULL); /* else the child writes it again */
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        struct test_server *server = test_server_new(NULL);
        snprintf(path, sizeof path, "%s/pid", server->directory);
        char *text = test_file_read(path);
        (void) !write(ends[1], text, strlen(text));
        free(text);
        end(server);
        _exit(1);
    }
    close(ends[1]);
    assert_true(read(ends[0], pid_text, sizeof pid_text - 1) > 0);
    close(ends[0]);
    waitpid(pid, NULL, 0);
    pid_t server = (pid_t) strtol(pid_text, NULL, 10);
    assert_true(server > 1);
    assert_true(wait_until(is_no_process, &server, LIMIT_S));
}

static void exit_in_order(const struct test_server *server)
{
    (void) server;
    exit(0);
}

static void a_server_that_a_test_forgets_ends_with_it(void **state)
{
    (void) state;
    a_server_is_gone_after(exit_in_order);
}

static void lose_the_directory(const struct test_server *server)
{
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", server->directory);
    (void) !system(command);
    kill(getpid(), SIGKILL);
}

static void a_server_ends_whose_directory_is_gone(void **state)
{
    (void) state;
    a_server_is_gone_after(lose_the_directory);
}

static void a_server_ends_with_the_test_that_was_killed(void **state)
{
    (void) state;
    int ends[2];
    char directory[256] = "";
    assert_int_equal(pipe(ends), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        struct test_server *server = test_server_new(NULL);
        (void) !write(ends[1], server->directory, strlen(server->directory));
        close(ends[1]);
        for (;;)
            pause();
    }
    close(ends[1]);
    assert_true(read(ends[0], directory, sizeof directory - 1) > 0);
    close(ends[0]);
    assert_false(is_gone(directory));

    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    assert_true(wait_until(is_gone, directory, LIMIT_S));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_database_has_the_schema),
        cmocka_unit_test(two_databases_do_not_see_each_other),
        cmocka_unit_test(a_freed_database_is_gone_with_its_users),
        cmocka_unit_test(clearing_empties_all_tables_but_the_schema_version),
        cmocka_unit_test(an_empty_database_takes_the_schema_from_its_owner_and_then_the_grants),
        cmocka_unit_test(no_user_may_do_more_than_its_role_needs),
        cmocka_unit_test(a_producer_can_do_what_the_manual_offers_it),
        cmocka_unit_test(sql_try_tells_the_error_of_any_of_several_statements),
        cmocka_unit_test(a_condition_in_sql_is_waited_for),
        cmocka_unit_test(a_config_file_names_the_daemons_user_and_hides_its_password),
        cmocka_unit_test(a_server_of_ones_own_keeps_what_was_committed_when_it_is_killed),
        cmocka_unit_test(a_server_ends_with_the_test_that_was_killed),
        cmocka_unit_test(a_server_that_a_test_forgets_ends_with_it),
        cmocka_unit_test(a_server_ends_whose_directory_is_gone),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
