#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "daemon.h"
#include "directory.h"
#include "journal.h"
#include "scene.h"
#include "sql.h"

/* Which handler a job comes to, and what becomes of one that has none. */

static void a_kind_without_a_handler_waits_uncharged_until_there_is_one(void **state)
{
    struct scene *scene = *state;
    scene->handlers = daemon_handlers((const char *const[]){ "stubborn", NULL });
    struct process *daemon = daemon_start(
        scene_config_text(scene, "queues = ( { name = \"default\"; poll = \"10ms\"; } );"));
    scene_insert(scene, "INSERT INTO dueq_job (kind, payload, max_attempts) VALUES ('noop', '', 1),"
                        " ('noop', '', 1), ('noop', '', 1), ('else', '', 1)");
    sql_wait_until(scene->admin, 20,
                   "SELECT COUNT(*) = 4 FROM dueq_job WHERE next_run_at > NOW(6) AND lease IS NULL "
                   "AND attempts = 0");
    process_expect_line(daemon, "no handler is bound to this kind: source=main kind=noop", 10);
    daemon_wait_counter(daemon, scene->admin, "put_off", 4);
    assert_int_equal(sql_u64(scene->admin,
                             "SELECT JSON_VALUE(status, '$.unbound.noop') >= 3 AND "
                             "JSON_VALUE(status, '$.unbound.else') >= 1 FROM dueq_worker"),
                     1);
    /* A line a minute, however often it comes up. */
    sql_run(scene->admin, "UPDATE dueq_job SET next_run_at = NOW(6)");
    daemon_wait_counter(daemon, scene->admin, "put_off", 8);
    assert_int_equal(process_count(daemon, "kind=noop"), 1);
    assert_int_equal(process_count(daemon, "kind=else"), 1);

    daemon_install_handler(scene->handlers, "noop");
    daemon_reload(daemon);
    sql_wait_until(scene->admin, 30, "SELECT COUNT(*) = 0 FROM dueq_job WHERE kind = 'noop'");
    assert_int_equal(sql_u64(scene->admin, "SELECT COUNT(*) FROM dueq_job"), 1);
    assert_int_equal(sql_u64(scene->admin, "SELECT COUNT(*) FROM dueq_error"), 0);
    assert_int_equal(sql_u64(scene->admin, "SELECT COUNT(*) FROM dueq_dead"), 0);
    daemon_stop(daemon);
}

static void kinds_without_a_handler_do_not_hold_up_the_others(void **state)
{
    struct scene *scene = *state;
    enum { UNBOUND = 3000 };
    scene_insert_many(scene, UNBOUND, ""); /* earlier than the other one */
    uint64_t id = scene_insert(scene, "INSERT INTO dueq_job (kind, payload) VALUES ('work', '')");
    struct process *daemon = daemon_start(scene_config_text(
        scene, "queues = ( { name = \"default\"; poll = \"10ms\"; } ); kinds = ( %s );",
        scene_noop(scene, "work")));
    journal_wait_count_of(scene->journal, id, 1, 20);
    sql_wait_until(scene->admin, 20,
                   "SELECT COUNT(*) = %d FROM dueq_job WHERE next_run_at > NOW(6)", UNBOUND);
    daemon_stop(daemon);
}

static void an_exact_name_goes_before_a_prefix_and_a_longer_prefix_before_a_shorter(void **state)
{
    struct scene *scene = *state;
    const char *const patterns[] = { "order.paid", "order.eu.*", "order.*", "*" };
    char kinds[2048] = "";
    for (size_t i = 0; i < 4; i++)
        snprintf(kinds + strlen(kinds), sizeof kinds - strlen(kinds),
                 "%s{ kind = \"%s\"; handler = \"noop\"; options = { outcome = \"dead\"; message = "
                 "\"%s\"; }; }",
                 i ? "," : "", patterns[i], patterns[i]);
    struct process *daemon = daemon_start(scene_config_text(
        scene, "queues = ( { name = \"default\"; poll = \"10ms\"; } ); kinds = ( %s );", kinds));
    scene_insert(scene, "INSERT INTO dueq_job (kind, payload) VALUES ('order.paid', ''),"
                        " ('order.paid.late', ''), ('order.eu.paid', ''), ('order.eu', ''),"
                        " ('order', ''), ('orders.paid', ''), ('Order.paid', '')");
    scene_wait_all_gone(scene, 20);
    char *found = sql_text(scene->admin, "SELECT GROUP_CONCAT(CONCAT(kind, '=', message) ORDER BY "
                                         "id) FROM dueq_dead");
    assert_string_equal(found,
                        "order.paid=order.paid,order.paid.late=order.*,order.eu.paid=order.eu."
                        "*,order.eu=order.*,order=*,orders.paid=*,Order.paid=*");
    free(found);
    daemon_stop(daemon);
}

static void a_prepared_row_is_put_off_until_it_is_ready(void **state)
{
    struct scene *scene = *state;
    struct process *daemon = daemon_start(scene_config(scene, NULL, NULL));
    uint64_t id = scene_insert(scene, "INSERT INTO dueq_job (kind, payload, state, next_run_at) "
                                      "VALUES ('work', '', 'prepared', NOW(6) + INTERVAL 10000 "
                                      "MICROSECOND)");
    process_expect_line(daemon, "prepared messages", 20);
    sql_wait_until(scene->admin, 20,
                   "SELECT next_run_at > NOW(6) AND attempts = 0 AND lease IS NULL FROM dueq_job");
    assert_int_equal(journal_count(scene->journal), 0);
    sql_run(scene->producer, "UPDATE dueq_job SET state = 'ready', next_run_at = NOW(6)");
    journal_wait_count_of(scene->journal, id, 1, 20);
    scene_wait_all_gone(scene, 20);
    daemon_stop(daemon);
}

static void a_broken_plugin_is_named_and_does_not_keep_the_daemon_from_starting(void **state)
{
    struct scene *scene = *state;
    char path[160];
    char *errors = NULL;
    scene->handlers = daemon_handlers((const char *const[]){ "noop", NULL });
    snprintf(path, sizeof path, "%s/broken.so", scene->handlers);
    test_file_write(path, 0755, "this is no library");
    const char *config = scene_config(scene, NULL, NULL);

    const char *const check[] = { "dueqd", "-c", config, "--check", NULL };
    assert_int_equal(process_run(check, NULL, &errors), 78);
    assert_non_null(strstr(errors, path));
    free(errors);

    struct process *daemon = daemon_start(config);
    assert_int_equal(process_count(daemon, path), 1);
    uint64_t id = scene_insert(scene, "INSERT INTO dueq_job (kind, payload) VALUES ('work', '')");
    journal_wait_count_of(scene->journal, id, 1, 20);
    daemon_stop(daemon);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENE_TEST(a_kind_without_a_handler_waits_uncharged_until_there_is_one),
        SCENE_TEST(kinds_without_a_handler_do_not_hold_up_the_others),
        SCENE_TEST(an_exact_name_goes_before_a_prefix_and_a_longer_prefix_before_a_shorter),
        SCENE_TEST(a_prepared_row_is_put_off_until_it_is_ready),
        SCENE_TEST(a_broken_plugin_is_named_and_does_not_keep_the_daemon_from_starting),
    };
    return SCENE_RUN(tests);
}
