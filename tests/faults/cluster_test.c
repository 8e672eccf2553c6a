#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon.h"
#include "directory.h"
#include "fail.h"
#include "journal.h"
#include "sql.h"
#include "workload.h"

/* Three servers that are one database, of which those that the daemons work on are killed one after
 * the other, and come back. Only under scripts/test --all. */

enum { NODES = 3, LIMIT = 180, JOBS = 400, ROUNDS = 4 };

static const char *directory;
static struct test_server nodes[NODES], current; /* where the scene is */
static struct scene *scene;

static void cluster(const char *action, const char *argument, const char *more)
{
    char *out, *err;
    const char *const words[] = { DUEQ_SOURCE_DIR "/scripts/cluster", action, argument, more,
                                  NULL };
    if (process_run(words, &out, &err) != 0)
        test_fail("scripts/cluster %s: %s%s", action, out, err);
    free(out);
    free(err);
}

static void read_address(size_t i)
{
    char path[256];
    snprintf(nodes[i].socket, sizeof nodes[i].socket, "%s/%zu/mysqld.sock", directory, i + 1);
    snprintf(nodes[i].host, sizeof nodes[i].host, "127.0.0.1");
    snprintf(path, sizeof path, "%s/%zu/env", directory, i + 1);
    char *text = test_file_read(path), *port = strstr(text, "DUEQ_TEST_PORT=");
    assert_non_null(port);
    nodes[i].port = (unsigned) strtoul(port + strlen("DUEQ_TEST_PORT="), NULL, 10);
    free(text);
}

static bool takes_writes(const struct test_server *node)
{
    MYSQL *connection = mysql_init(NULL);
    bool does = mysql_real_connect(connection, "localhost", "root", "", NULL, 0, node->socket,
                                   CLIENT_MULTI_STATEMENTS) &&
                sql_try(connection, "START TRANSACTION; SELECT 1; COMMIT") == 0 &&
                sql_u64(connection, "SELECT @@GLOBAL.read_only") == 0;
    mysql_close(connection);
    return does;
}

/* The scene goes to a node that takes writes, and is not `but`. Returns which it is. */
static size_t move(size_t but)
{
    for (int i = 0; i < LIMIT * 10; i++, rest(100))
        for (size_t n = 0; n < NODES; n++)
            if (n != but && takes_writes(&nodes[n])) {
                current = nodes[n];
                scene_connect_again(scene);
                return n;
            }
    test_fail("no node takes writes");
}

static size_t add_jobs(size_t node, size_t but)
{
    for (int tries = 0; workload_insert(scene->admin, JOBS) != 0; tries++) {
        if (tries == LIMIT)
            test_fail("nothing can be inserted: %s", mysql_error(scene->admin));
        rest(500);
        node = move(but);
    }
    return node;
}

static struct process *start(void)
{
    static char hosts[128];
    char more[512];
    snprintf(hosts, sizeof hosts,
             "hosts = [ \"127.0.0.1:%u\", \"127.0.0.1:%u\", \"127.0.0.1:%u\" ];", nodes[0].port,
             nodes[1].port, nodes[2].port);
    scene->server = hosts;
    scene->source = "connect_timeout = \"2s\"; read_timeout = \"3s\";";
    snprintf(more, sizeof more,
             "retry = ( { name = \"soon\"; first = \"50ms\"; factor = 1.0; attempts = 20; } );"
             " state = \"%s\";",
             scene->directory);
    return daemon_start(
        scene_config(scene, "threads = 4; lease = \"5s\"; retry = \"soon\";", more));
}

static void nodes_may_be_killed_and_come_back(const char *kind)
{
    struct fault_tally tally = { 0 };
    char n[8];
    const char *all = getenv("DUEQ_TEST_ALL");

    if (!all || strcmp(all, "1") != 0) {
        printf("SKIPPED: %s: only with scripts/test --all\n", kind);
        skip();
    }
    directory = test_directory_new();
    cluster("start", kind, directory);
    for (size_t i = 0; i < NODES; i++)
        read_address(i);
    current = nodes[0];
    scene = scene_new_on(&current);
    workload_begin(scene);
    struct process *daemon = start(), *other = start();
    size_t node = 0;
    for (unsigned round = 0; round < ROUNDS; round++) {
        size_t before = journal_count(scene->journal);
        node = add_jobs(node, NODES);
        journal_wait_count(scene->journal, before + JOBS / 4, LIMIT);
        size_t victim = node;
        snprintf(n, sizeof n, "%zu", victim + 1);
        cluster("kill", directory, n);
        node = move(victim);
        node = add_jobs(node, victim);
        journal_wait_count(scene->journal, before + JOBS, LIMIT);
        cluster("join", directory, n);
    }
    workload_wait(scene, LIMIT);
    workload_check(scene, ROUNDS, &tally);
    printf("%s, a node killed under the daemons, and joined again: ", kind);
    fault_tally_print(&tally);
    daemon_stop(daemon);
    daemon_stop(other);
    scene_free(scene);
    cluster("stop", directory, NULL);
}

static void a_galera_cluster_loses_nodes(void **state)
{
    (void) state;
    nodes_may_be_killed_and_come_back("galera");
}

static void a_mysql_group_loses_its_primary(void **state)
{
    (void) state;
    nodes_may_be_killed_and_come_back("group");
}

/* Of a test that failed in the middle. */
static int stop_all(void **state)
{
    char path[256];
    (void) state;
    process_end_all();
    for (size_t i = 1; directory && i <= NODES; i++) {
        snprintf(path, sizeof path, "%s/%zu/pid", directory, i);
        if (access(path, F_OK) == 0) {
            char node[256], *out, *err;
            snprintf(node, sizeof node, "%s/%zu", directory, i);
            (void) process_run(
                (const char *const[]){ DUEQ_SOURCE_DIR "/scripts/server", "kill", node, NULL },
                &out, &err);
            free(out);
            free(err);
        }
    }
    directory = NULL;
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(a_galera_cluster_loses_nodes, stop_all),
        cmocka_unit_test_teardown(a_mysql_group_loses_its_primary, stop_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
