#include <stdio.h>
#include <string.h>

#include "daemon.h"
#include "fail.h"
#include "http_server.h"
#include "scene.h"
#include "sql.h"
#include "wait.h"

/* The shipped handlers in a real dueqd, from the row to the row: what they do with a job themselves
 * is the handlers' own tests'. */

enum { LIMIT = 30 };

/* A kind with a path of its own, which the server answers in its way. */
#define CALL(name)                                                                                 \
    "{ kind = \"call." name "\"; handler = \"http\"; options = { url = "                           \
    "\"http://127.0.0.1:%u/" name "\"; }; }"

static const char *http_config(const struct scene *scene, const struct http_server *server,
                               const char *queue)
{
    return scene_config_text(scene,
                             "queues = ( { name = \"default\"; poll = \"10ms\"; %s } );"
                             "kinds = ( " CALL("good") ", " CALL("busy") ", " CALL(
                                 "wrong") ", " CALL("many") ", " CALL("slow") " );",
                             queue, server->port, server->port, server->port, server->port,
                             server->port);
}

static void what_an_http_server_answers_becomes_of_the_row(void **state)
{
    struct scene *scene = *state;
    const struct http_answer answers[] = {
        { .path = "/busy", .status = 503, .headers = { "Retry-After: 1800" } },
        { .path = "/wrong", .status = 422, .body = "no such order" },
    };
    struct http_server server = { .answers = answers, .answer_count = 2 };
    http_server_start(&server);
    struct process *daemon = daemon_start(http_config(scene, &server, ""));
    uint64_t id = scene_insert(scene, "INSERT INTO dueq_job (kind, payload) VALUES ('call.good', "
                                      "'{\"order\": 7}')");
    sql_wait_until(scene->admin, LIMIT, "SELECT COUNT(*) = 0 FROM dueq_job");
    const struct http_seen *seen = http_server_seen(&server, 0);
    assert_string_equal(seen->method, "POST");
    assert_string_equal(seen->body, "{\"order\": 7}");
    char *key = sql_text(scene->admin, "SELECT CONCAT(source_id, '-%llu') FROM dueq_schema",
                         (unsigned long long) id);
    assert_string_equal(header_list_find(&seen->headers, "Idempotency-Key"), key);
    free(key);

    scene_insert(scene, "INSERT INTO dueq_job (kind, payload) VALUES ('call.busy', '')");
    sql_wait_until(
        scene->admin, LIMIT,
        "SELECT COUNT(*) FROM dueq_job WHERE attempts = 1 AND lease IS NULL AND "
        "next_run_at BETWEEN NOW(6) + INTERVAL 29 MINUTE AND NOW(6) + INTERVAL 30 MINUTE");
    scene_insert(scene, "INSERT INTO dueq_job (kind, payload) VALUES ('call.wrong', '')");
    sql_wait_until(scene->admin, LIMIT,
                   "SELECT COUNT(*) FROM dueq_dead WHERE reason = 'handler' AND message LIKE "
                   "'%%422%%no such order%%'");
    daemon_stop(daemon);
    http_server_stop(&server);
}

/* No request is answered before all have come: they are in flight at the same time. */
static void a_thousand_http_requests_are_in_flight_at_once(void **state)
{
    struct scene *scene = *state;
    enum { REQUESTS = 1000 };
    struct http_server server = { .hold_until = REQUESTS };
    http_server_start(&server);
    struct process *daemon = daemon_start(
        http_config(scene, &server, "threads = 2; pending = 1000; timeout = \"1m\";"));
    sql_run(scene->admin,
            "INSERT INTO dueq_job (kind, payload) SELECT 'call.many', seq FROM (WITH "
            "RECURSIVE n (seq) AS (SELECT 1 UNION ALL SELECT seq + 1 FROM n WHERE seq "
            "< 1000) SELECT seq FROM n) numbers");
    sql_wait_until(scene->admin, LIMIT, "SELECT COUNT(*) = 0 FROM dueq_job");
    assert_int_equal(http_server_seen_count(&server), REQUESTS);
    assert_int_equal(sql_u64(scene->admin, "SELECT COUNT(*) FROM dueq_error"), 0);
    daemon_stop(daemon);
    http_server_stop(&server);
}

/* A server that never answers. */
static void an_http_request_past_its_timeout_is_ended_and_tried_again(void **state)
{
    struct scene *scene = *state;
    struct http_server server = { .hold_until = 1000 };
    http_server_start(&server);
    struct process *daemon = daemon_start(http_config(scene, &server, "timeout = \"200ms\";"));
    scene_insert(scene, "INSERT INTO dueq_job (kind, payload) VALUES ('call.slow', '')");
    sql_wait_until(scene->admin, LIMIT,
                   "SELECT COUNT(*) FROM dueq_job WHERE attempts = 1 AND lease IS NULL");
    sql_wait_until(scene->admin, LIMIT, "SELECT COUNT(*) FROM dueq_error WHERE attempt = 1");
    http_server_release(&server);
    daemon_stop(daemon);
    http_server_stop(&server);
}

#define LINES_PROGRAM                                                                              \
    "while read -r line; do case $line in *poison*) exit 1;; *slow*) sleep 3600;; esac; "          \
    "echo '{\\\"outcome\\\": \\\"done\\\"}'; done"

static const char *lines_config(const struct scene *scene)
{
    return scene_config_text(
        scene,
        "queues = ( { name = \"default\"; poll = \"10ms\"; timeout = \"1s\"; } );"
        "kinds = ( { kind = \"line\"; handler = \"exec\"; options = { command = ( \"/bin/sh\", "
        "\"-c\", \"" LINES_PROGRAM "\" ); mode = \"lines\"; children = 2; }; } );");
}

static void a_child_that_reads_lines_runs_many_jobs_and_is_replaced_when_it_dies(void **state)
{
    struct scene *scene = *state;
    struct process *daemon = daemon_start(lines_config(scene));
    sql_run(scene->producer, "INSERT INTO dueq_job (kind, payload) VALUES ('line', 'a'), ('line', "
                             "'b'), ('line', 'poison'), ('line', 'c'), ('line', 'd')");
    sql_wait_until(scene->admin, LIMIT, "SELECT COUNT(*) = 1 FROM dueq_job");
    sql_wait_until(scene->admin, LIMIT,
                   "SELECT COUNT(*) FROM dueq_job WHERE payload = 'poison' AND attempts = 1 AND "
                   "lease IS NULL");
    scene_insert(scene, "INSERT INTO dueq_job (kind, payload) VALUES ('line', 'e')");
    sql_wait_until(scene->admin, LIMIT, "SELECT COUNT(*) = 1 FROM dueq_job");
    daemon_stop(daemon);
}

static void a_child_that_is_past_its_timeout_is_ended(void **state)
{
    struct scene *scene = *state;
    struct process *daemon = daemon_start(lines_config(scene));
    scene_insert(scene, "INSERT INTO dueq_job (kind, payload) VALUES ('line', 'slow')");
    sql_wait_until(scene->admin, LIMIT,
                   "SELECT COUNT(*) FROM dueq_job WHERE attempts = 1 AND lease IS NULL");
    daemon_stop(daemon);
}

/* The file has a line for each thread that has run jobs: how many. */
static void each_thread_has_its_own_state_which_it_lets_go_of_at_the_end(void **state)
{
    struct scene *scene = *state;
    enum { JOBS = 40, THREADS = 3 };
    char path[512];
    unsigned threads = 0, jobs = 0, n;

    scene->handlers = daemon_handlers((const char *const[]){ "threads", NULL });
    snprintf(path, sizeof path, "%s/threads", scene->directory);
    struct process *daemon = daemon_start(scene_config_text(
        scene,
        "queues = ( { name = \"default\"; poll = \"10ms\"; threads = 3; } ); kinds = ( { kind = "
        "\"bulk\"; handler = \"threads\"; options = { file = \"%s\"; }; } );",
        path));
    scene_insert_many(scene, JOBS, "");
    scene_wait_all_gone(scene, LIMIT);
    daemon_stop(daemon);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    for (; fscanf(file, "%u", &n) == 1; threads++)
        jobs += n;
    fclose(file);
    assert_int_equal(jobs, JOBS);
    assert_true(threads >= 1 && threads <= THREADS);
}

static void a_handler_that_asks_for_more_time_gets_it(void **state)
{
    struct scene *scene = *state;
    scene->handlers = daemon_handlers((const char *const[]){ "threads", NULL });
    struct process *daemon = daemon_start(
        scene_config_text(scene, "queues = ( { name = \"default\"; poll = \"10ms\"; timeout = "
                                 "\"200ms\"; } );"));
    uint64_t late = scene_insert(scene, "INSERT INTO dueq_job (kind, payload) VALUES ('threads', "
                                        "'sleep')");
    scene_insert(scene, "INSERT INTO dueq_job (kind, payload) VALUES ('threads', 'extend')");
    scene_wait_all_gone(scene, LIMIT);
    assert_int_equal(
        sql_u64(scene->admin, "SELECT id FROM dueq_dead WHERE message = 'out of time'"), late);
    daemon_stop(daemon);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENE_TEST(what_an_http_server_answers_becomes_of_the_row),
        SCENE_TEST(a_thousand_http_requests_are_in_flight_at_once),
        SCENE_TEST(an_http_request_past_its_timeout_is_ended_and_tried_again),
        SCENE_TEST(a_child_that_reads_lines_runs_many_jobs_and_is_replaced_when_it_dies),
        SCENE_TEST(a_child_that_is_past_its_timeout_is_ended),
        SCENE_TEST(each_thread_has_its_own_state_which_it_lets_go_of_at_the_end),
        SCENE_TEST(a_handler_that_asks_for_more_time_gets_it),
    };
    return SCENE_RUN(tests);
}
