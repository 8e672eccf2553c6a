#include "daemon.h"
#include "journal.h"
#include "scene.h"
#include "sql.h"

/* A keeper that comes back to another database than the one it left, while its lanes stay. */

static void kill_keeper(const struct scene *scene)
{
    uint64_t id = sql_u64(
        scene->admin,
        "SELECT MIN(id) FROM information_schema.processlist WHERE db = DATABASE() "
        "AND user = '%s'",
        scene->database->daemon.user); /* it connects before it lets the lanes */
    sql_run(scene->admin, "KILL %llu", (unsigned long long) id);
}

static void a_reconnect_that_finds_another_schema_stops_the_claims(void **state)
{
    struct scene *scene = *state;
    struct process *daemon = daemon_start(scene_config(scene, NULL, NULL));
    sql_run(scene->admin, "UPDATE dueq_schema SET version = 7");
    kill_keeper(scene);
    process_expect_line(daemon, "nothing is claimed any more: the dueq schema is version 7", 20);
    uint64_t id = scene_insert(scene, "INSERT INTO dueq_job (kind, payload) VALUES ('work', '')");
    sql_wait_until(scene->admin, 20,
                   "SELECT next_run_at < NOW(6) - INTERVAL 1 SECOND FROM dueq_job");
    assert_int_equal(sql_u64(scene->admin, "SELECT attempts FROM dueq_job"), 0);
    sql_run(scene->admin, "UPDATE dueq_schema SET version = 1");
    journal_wait_count_of(scene->journal, id, 1, 60);
    daemon_stop(daemon);
}

static void a_stop_after_the_keeper_lost_its_connection_leaves_no_row(void **state)
{
    struct scene *scene = *state;
    struct process *daemon = daemon_start(scene_config(scene, NULL, NULL));
    kill_keeper(scene);
    daemon_stop(daemon);
    assert_int_equal(sql_u64(scene->admin, "SELECT COUNT(*) FROM dueq_worker"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENE_TEST(a_reconnect_that_finds_another_schema_stops_the_claims),
        SCENE_TEST(a_stop_after_the_keeper_lost_its_connection_leaves_no_row),
    };
    return SCENE_RUN(tests);
}
