#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "daemon.h"
#include "directory.h"
#include "fail.h"
#include "sql.h"
#include "workload.h"

/* Producers, three daemons, and one fault after the other for DUEQ_SOAK_MINUTES, or for some
 * seconds; then the check of everything, and whether a daemon that was there all the time has
 * grown.
 */

enum { DAEMONS = 3, PRODUCERS = 2, BATCH = 48, LIMIT = 300, SECONDS_IN_PASSING = 15 };

#define SECOND INT64_C(1000000)

static struct test_server *server;
static struct scene *scene;
static const char *file;
static _Atomic bool stopping;

struct counts {
    unsigned connections, kills, stops, reloads, servers;
};

struct daemons {
    struct process *each[DAEMONS];
    int64_t stopped_until_us[DAEMONS]; /* 0: it runs */
};

static int64_t length_us(void)
{
    const char *minutes = getenv("DUEQ_SOAK_MINUTES");
    return minutes && *minutes ? (int64_t) (atof(minutes) * 60) * SECOND
                               : SECONDS_IN_PASSING * SECOND;
}

static MYSQL *try_connect(void)
{
    MYSQL *connection = mysql_init(NULL);
    if (mysql_real_connect(connection, "localhost", "root", "", scene->database->name, 0,
                           server->socket, CLIENT_MULTI_STATEMENTS))
        return connection;
    mysql_close(connection);
    return NULL;
}

/* Some 1,000 jobs a second, whatever happens. */
static void *produce(void *arg)
{
    MYSQL *connection = NULL;
    (void) arg;
    mysql_thread_init();
    while (!stopping) {
        if (!connection && !(connection = try_connect())) {
            rest(100);
            continue;
        }
        if (workload_insert(connection, BATCH) != 0) {
            mysql_close(connection);
            connection = NULL;
        }
        rest(40);
    }
    if (connection)
        mysql_close(connection);
    mysql_thread_end();
    return NULL;
}

static struct process *start(void)
{
    return process_start("dueqd", "-c", file, NULL);
}

/* The first one stays: it is looked at in the end. */
static void kill_daemon(struct daemons *daemons, struct counts *counts)
{
    size_t i = 1 + (size_t) random() % (DAEMONS - 1);
    process_signal(daemons->each[i], SIGKILL);
    (void) process_wait(daemons->each[i], LIMIT);
    process_free(daemons->each[i]);
    daemons->each[i] = start();
    daemons->stopped_until_us[i] = 0;
    counts->kills++;
}

static void stop_daemon(struct daemons *daemons, struct counts *counts)
{
    size_t i = 1 + (size_t) random() % (DAEMONS - 1);
    if (daemons->stopped_until_us[i])
        return;
    process_signal(daemons->each[i], SIGSTOP);
    daemons->stopped_until_us[i] = clock_now_us() + SECOND * 3 / 2;
    counts->stops++;
}

static void continue_daemons(struct daemons *daemons, bool all)
{
    for (size_t i = 0; i < DAEMONS; i++)
        if (daemons->stopped_until_us[i] &&
            (all || clock_now_us() >= daemons->stopped_until_us[i])) {
            process_signal(daemons->each[i], SIGCONT);
            daemons->stopped_until_us[i] = 0;
        }
}

static void kill_server(struct counts *counts)
{
    test_server_kill(server);
    test_server_start(server);
    scene_connect_again(scene);
    counts->servers++;
}

static void kill_connection(struct counts *counts)
{
    char *id = sql_text(scene->admin,
                        "SELECT id FROM information_schema.processlist WHERE user = '%s'"
                        " ORDER BY RAND() LIMIT 1",
                        scene->database->daemon.user);
    if (id && sql_try(scene->admin, "KILL %s", id) == 0)
        counts->connections++;
    free(id);
}

static void cause_trouble(struct daemons *daemons, struct counts *counts, unsigned turn)
{
    kill_connection(counts);
    continue_daemons(daemons, false);
    if (turn % 40 == 10)
        kill_daemon(daemons, counts);
    if (turn % 100 == 50)
        stop_daemon(daemons, counts);
    if (turn % 150 == 75) {
        process_signal(daemons->each[0], SIGHUP);
        counts->reloads++;
    }
    if (turn % 1200 == 200)
        kill_server(counts);
}

static long resident_kib(struct process *daemon)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/status", (int) process_id(daemon));
    char *text = test_file_read(path), *line = strstr(text, "VmRSS:");
    long kib = line ? strtol(line + sizeof "VmRSS:", NULL, 10) : 0;
    free(text);
    return kib;
}

static void nothing_is_lost_and_nothing_grows(void **state)
{
    struct daemons daemons = { .stopped_until_us = { 0 } };
    struct counts counts = { 0 };
    struct fault_tally tally = { 0 };
    pthread_t producers[PRODUCERS];
    long kib[2] = { 0, 0 };
    unsigned files = 0;
    (void) state;

    workload_begin(scene);
    for (size_t i = 0; i < DAEMONS; i++)
        daemons.each[i] = start();
    for (size_t i = 0; i < PRODUCERS; i++)
        assert_int_equal(pthread_create(&producers[i], NULL, produce, NULL), 0);
    int64_t begin_us = clock_now_us(), long_us = length_us();
    for (unsigned turn = 0; clock_now_us() < begin_us + long_us; turn++) {
        cause_trouble(&daemons, &counts, turn);
        for (int third = 1; third <= 2; third++)
            if (!kib[third - 1] && clock_now_us() > begin_us + long_us * third / 3) {
                kib[third - 1] = resident_kib(daemons.each[0]);
                files = daemon_open_files(daemons.each[0]);
            }
        rest(40);
    }
    stopping = true;
    for (size_t i = 0; i < PRODUCERS; i++)
        pthread_join(producers[i], NULL);
    continue_daemons(&daemons, true);
    workload_wait(scene, LIMIT);
    long kib_then = resident_kib(daemons.each[0]);
    unsigned files_then = daemon_open_files(daemons.each[0]);
    workload_check(
        scene, counts.connections + counts.kills + counts.stops + counts.reloads + counts.servers,
        &tally);
    printf(
        "soak of %lld s: %u connections cut, %u daemons killed, %u stopped, %u reloads, %u servers "
        "killed; resident KiB after each third: %ld, %ld, %ld, files %u and %u; ",
        (long long) (long_us / SECOND), counts.connections, counts.kills, counts.stops,
        counts.reloads, counts.servers, kib[0], kib[1], kib_then, files, files_then);
    fault_tally_print(&tally);
    for (size_t i = 0; i < DAEMONS; i++)
        daemon_stop(daemons.each[i]);
}

static int open_all(void **state)
{
    server = test_server_new(NULL);
    scene = scene_new_on(server);
    *state = scene;
    return 0;
}

static int close_all(void **state)
{
    (void) state;
    scene_free(scene);
    test_server_free(server);
    return 0;
}

static int begin(void **state)
{
    char more[512];
    (void) state;
    scene_begin((void **) &scene);
    snprintf(more, sizeof more,
             "retry = ( { name = \"soon\"; first = \"50ms\"; factor = 1.0; attempts = 100; } );"
             " state = \"%s\";",
             scene->directory);
    file = scene_config(scene, "threads = 8; lease = \"1s\"; retry = \"soon\";", more);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(nothing_is_lost_and_nothing_grows, begin),
    };
    return cmocka_run_group_tests(tests, open_all, close_all);
}
