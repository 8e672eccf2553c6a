#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon.h"
#include "directory.h"
#include "fail.h"
#include "proxy.h"
#include "sql.h"
#include "workload.h"

/* A fault at the n-th statement of the claims and settles of a daemon, for each n until it has got
 * through without: before the server has seen the statement, and after it has done it and before
 * the daemon knows. Every one under scripts/test --all, some of them otherwise. */

enum { LIMIT = 60, JOBS = 16, SOME = 7, NO_END = 400 };

#define QUEUE(claim) "threads = 4; lease = \"2s\"; claim = \"" claim "\"; retry = \"soon\";"
#define MORE "retry = ( { name = \"soon\"; first = \"10ms\"; factor = 1.0; attempts = 20; } );"

/* What is done to whom; true: the daemon is gone. */
struct fault {
    const char *name;
    bool kills;
};

static const struct fault killed = { "kill -9", true };
static const struct fault cut = { "a lost connection", false };

static const char *config(struct scene *scene, const char *socket, const char *queue)
{
    static char server[160];
    char more[512];
    snprintf(server, sizeof server, "socket = \"%s\";", socket);
    scene->server = server;
    snprintf(more, sizeof more, MORE " state = \"%s\";", scene->directory);
    return scene_config(scene, queue, more);
}

static void kill_process(void *arg)
{
    kill(*(const pid_t *) arg, SIGKILL);
}

/* Until the fault has struck, or nothing is left that it could strike. */
static bool strikes(struct scene *scene, struct proxy *proxy)
{
    while (proxy_cuts(proxy) == 0)
        if (sql_u64(scene->admin, "SELECT NOT EXISTS (SELECT 1 FROM dueq_job)"))
            return false;
        else
            rest(5);
    return true;
}

/* True: it struck. */
static bool try_at(struct scene *scene, const char *queue, const struct fault *fault,
                   enum proxy_cut when, unsigned n, struct fault_tally *tally)
{
    workload_begin(scene);
    struct proxy *proxy = proxy_new(scene->database->server);
    struct process *daemon = daemon_start(config(scene, proxy_socket(proxy), queue));
    pid_t pid = process_id(daemon);

    proxy_arm_at(proxy, n, when, fault->kills ? kill_process : NULL, &pid);
    assert_int_equal(workload_insert(scene->admin, JOBS), 0);
    bool struck = strikes(scene, proxy);
    if (struck && fault->kills) {
        assert_int_equal(process_wait(daemon, LIMIT), 128 + SIGKILL);
        daemon = daemon_start(config(scene, scene->database->server->socket, queue));
    }
    workload_wait(scene, LIMIT);
    daemon_stop(daemon);
    workload_check(scene, struck, tally);
    proxy_free(proxy);
    return struck;
}

static void sweep(struct scene *scene, const char *queue, const struct fault *fault,
                  enum proxy_cut when)
{
    const char *all = getenv("DUEQ_TEST_ALL");
    unsigned step = all && strcmp(all, "1") == 0 ? 1 : SOME;
    struct fault_tally tally = { 0 };
    unsigned n = 1;

    for (; n < NO_END; n += step) {
        bool struck = try_at(scene, queue, fault, when, n, &tally);
        scene_end((void **) &scene);
        scene_begin((void **) &scene);
        if (!struck)
            break;
    }
    if (n >= NO_END)
        test_fail("the %u-th statement of a workload of %d jobs", n, JOBS);
    printf("%s %s each of the statements 1 to %u%s: ", fault->name,
           when == PROXY_CUT_BEFORE ? "before" : "after", n - 1, step == 1 ? "" : ", some of them");
    fault_tally_print(&tally);
}

static void a_daemon_that_holds_may_be_killed_before_any_statement(void **state)
{
    sweep(*state, QUEUE("hold"), &killed, PROXY_CUT_BEFORE);
}

static void a_daemon_that_holds_may_be_killed_after_any_statement(void **state)
{
    sweep(*state, QUEUE("hold"), &killed, PROXY_CUT_AFTER);
}

static void a_daemon_that_leases_may_be_killed_before_any_statement(void **state)
{
    sweep(*state, QUEUE("lease"), &killed, PROXY_CUT_BEFORE);
}

static void a_daemon_that_leases_may_be_killed_after_any_statement(void **state)
{
    sweep(*state, QUEUE("lease"), &killed, PROXY_CUT_AFTER);
}

static void a_connection_that_holds_may_be_lost_before_any_statement(void **state)
{
    sweep(*state, QUEUE("hold"), &cut, PROXY_CUT_BEFORE);
}

static void a_connection_that_holds_may_be_lost_after_any_statement(void **state)
{
    sweep(*state, QUEUE("hold"), &cut, PROXY_CUT_AFTER);
}

static void a_connection_that_leases_may_be_lost_before_any_statement(void **state)
{
    sweep(*state, QUEUE("lease"), &cut, PROXY_CUT_BEFORE);
}

static void a_connection_that_leases_may_be_lost_after_any_statement(void **state)
{
    sweep(*state, QUEUE("lease"), &cut, PROXY_CUT_AFTER);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENE_TEST(a_daemon_that_holds_may_be_killed_before_any_statement),
        SCENE_TEST(a_daemon_that_holds_may_be_killed_after_any_statement),
        SCENE_TEST(a_daemon_that_leases_may_be_killed_before_any_statement),
        SCENE_TEST(a_daemon_that_leases_may_be_killed_after_any_statement),
        SCENE_TEST(a_connection_that_holds_may_be_lost_before_any_statement),
        SCENE_TEST(a_connection_that_holds_may_be_lost_after_any_statement),
        SCENE_TEST(a_connection_that_leases_may_be_lost_before_any_statement),
        SCENE_TEST(a_connection_that_leases_may_be_lost_after_any_statement),
    };
    return SCENE_RUN(tests);
}
