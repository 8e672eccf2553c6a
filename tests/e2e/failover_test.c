#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon.h"
#include "fail.h"
#include "journal.h"
#include "scene.h"
#include "sql.h"

/* Two servers, one a replica of the other, and a daemon that follows whichever takes writes. */

enum { LIMIT = 40 };

#define INSERT_WORK "INSERT INTO dueq_job (kind, payload) VALUES ('work', "

struct pair {
    struct test_server *first, *second;
    MYSQL *second_admin;
    struct scene *scene; /* on the first, from which the second has it all */
};

static bool is_mysql(void)
{
    const char *server = getenv("DUEQ_TEST_SERVER");
    return server && strcmp(server, "mysql") == 0;
}

static MYSQL *connect_admin(const struct test_server *server)
{
    MYSQL *admin = mysql_init(NULL);
    if (!mysql_real_connect(admin, "localhost", "root", "", NULL, 0, server->socket,
                            CLIENT_MULTI_STATEMENTS))
        test_fail("%s", mysql_error(admin));
    return admin;
}

/* From where the first is now: neither has anything of ours yet. */
static void replicate(struct pair *pair)
{
    MYSQL *admin = connect_admin(pair->first);
    sql_run(admin, "CREATE USER replica@'127.0.0.1' IDENTIFIED BY 'replica';"
                   "GRANT REPLICATION SLAVE ON *.* TO replica@'127.0.0.1'");
    if (mysql_query(admin, is_mysql() ? "SHOW BINARY LOG STATUS" : "SHOW MASTER STATUS") != 0)
        test_fail("%s", mysql_error(admin));
    MYSQL_RES *result = mysql_store_result(admin);
    MYSQL_ROW row = mysql_fetch_row(result);
    if (is_mysql())
        sql_run(pair->second_admin,
                "CHANGE REPLICATION SOURCE TO SOURCE_HOST = '127.0.0.1', SOURCE_PORT = %u,"
                " SOURCE_USER = 'replica', SOURCE_PASSWORD = 'replica', SOURCE_LOG_FILE = '%s',"
                " SOURCE_LOG_POS = %s, GET_SOURCE_PUBLIC_KEY = 1; START REPLICA",
                pair->first->port, row[0], row[1]);
    else
        sql_run(pair->second_admin,
                "CHANGE MASTER TO MASTER_HOST = '127.0.0.1', MASTER_PORT = %u,"
                " MASTER_USER = 'replica', MASTER_PASSWORD = 'replica', MASTER_LOG_FILE = '%s',"
                " MASTER_LOG_POS = %s; START SLAVE",
                pair->first->port, row[0], row[1]);
    mysql_free_result(result);
    mysql_close(admin);
    sql_run(pair->second_admin, "SET GLOBAL read_only = 1");
}

static int setup(void **state)
{
    struct pair *pair = calloc(1, sizeof *pair);
    if (!pair)
        abort();
    pair->first = test_server_new((const char *const[]){ "--server-id=1", NULL });
    pair->second = test_server_new((const char *const[]){ "--server-id=2", NULL });
    pair->second_admin = connect_admin(pair->second);
    replicate(pair);
    pair->scene = scene_new_on(pair->first);
    sql_run(pair->scene->admin, "CREATE TABLE that_is_all (id INT)");
    sql_wait_until(pair->second_admin, LIMIT,
                   "SELECT COUNT(*) > 0 FROM information_schema.TABLES WHERE TABLE_SCHEMA = '%s'"
                   " AND TABLE_NAME = 'that_is_all'",
                   pair->scene->database->name);
    sql_run(pair->second_admin, "USE %s", pair->scene->database->name);
    *state = pair;
    return 0;
}

static int teardown(void **state)
{
    struct pair *pair = *state;
    process_end_all();
    mysql_close(pair->second_admin);
    test_server_free(pair->second);
    test_server_free(pair->first); /* with the scene's database */
    free(pair);
    return 0;
}

static struct process *start(struct pair *pair, const char *queue)
{
    static char hosts[80], keys[120];
    snprintf(hosts, sizeof hosts, "hosts = [ \"127.0.0.1:%u\", \"127.0.0.1:%u\" ];",
             pair->first->port, pair->second->port);
    snprintf(keys, sizeof keys, "lease = \"1h\"; %s", queue);
    pair->scene->server = hosts;
    pair->scene->source = "connect_timeout = \"1s\"; read_timeout = \"1s\";";
    return daemon_start(scene_config(pair->scene, keys, NULL));
}

static void wait_for_replica(struct pair *pair, uint64_t id)
{
    sql_wait_until(pair->second_admin, LIMIT,
                   "SELECT COUNT(*) FROM dueq_job WHERE id = %llu AND lease > 0",
                   (unsigned long long) id);
}

static void promote(struct pair *pair)
{
    sql_run(pair->second_admin, is_mysql() ? "STOP REPLICA" : "STOP SLAVE");
    sql_run(pair->second_admin, "SET GLOBAL read_only = 0");
}

/* A job runs under a lease while its server goes: its outcome is written to the other one, and
 * nobody runs it again. And all goes on there. */
static void expect_followed(struct pair *pair, struct process *daemon, void (*lose)(struct pair *))
{
    struct scene *scene = pair->scene;
    uint64_t before = scene_insert(scene, INSERT_WORK "'')");
    journal_wait_count_of(scene->journal, before, 1, LIMIT);
    uint64_t id = scene_insert(scene, INSERT_WORK "'{\"sleep_ms\":3000}')");
    journal_wait_count_of(scene->journal, id, 1, LIMIT);
    wait_for_replica(pair, id);
    lose(pair);
    promote(pair);
    sql_run(pair->second_admin, INSERT_WORK "'')");
    uint64_t after = mysql_insert_id(pair->second_admin);
    journal_wait_count_of(scene->journal, after, 1, LIMIT);
    sql_wait_until(pair->second_admin, LIMIT, "SELECT COUNT(*) = 0 FROM dueq_job");
    journal_expect_each_once(scene->journal, 3);
    assert_true(process_count(daemon, "cannot use the database, trying again") > 0);
    daemon_stop(daemon);
}

static void lose_by_read_only(struct pair *pair)
{
    sql_run(pair->scene->admin, "SET GLOBAL read_only = 1");
}

static void lose_by_death(struct pair *pair)
{
    test_server_kill(pair->first);
}

static void lose_by_standstill(struct pair *pair)
{
    test_server_freeze(pair->first);
}

static void a_primary_that_takes_no_writes_any_more_is_left(void **state)
{
    expect_followed(*state, start(*state, "claim = \"lease\";"), lose_by_read_only);
}

static void a_primary_that_dies_is_left(void **state)
{
    expect_followed(*state, start(*state, "claim = \"lease\";"), lose_by_death);
}

static void a_primary_that_hangs_is_left(void **state)
{
    struct pair *pair = *state;
    expect_followed(pair, start(pair, "claim = \"lease\";"), lose_by_standstill);
    test_server_thaw(pair->first);
}

static void a_host_that_takes_no_writes_is_passed_over_from_the_start(void **state)
{
    struct pair *pair = *state;
    sql_run(pair->scene->admin, "SET GLOBAL read_only = 1");
    promote(pair);
    struct process *daemon = start(pair, "");
    sql_run(pair->second_admin, INSERT_WORK "'')");
    sql_wait_until(pair->second_admin, LIMIT, "SELECT COUNT(*) = 0 FROM dueq_job");
    journal_expect_each_once(pair->scene->journal, 1);
    daemon_stop(daemon);
}

int main(void)
{
#define test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        test(a_primary_that_takes_no_writes_any_more_is_left),
        test(a_primary_that_dies_is_left),
        test(a_primary_that_hangs_is_left),
        test(a_host_that_takes_no_writes_is_passed_over_from_the_start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
