#include <stdio.h>
#include <string.h>

#include "daemon.h"
#include "journal.h"
#include "scene.h"
#include "sql.h"

/* What becomes of a job after its handler has said what came of it. */

#define QUICK                                                                                      \
    "retry = ( { name = \"quick\"; schedule = [ \"50ms\", \"100ms\" ]; jitter = 0.0; },"           \
    "          { name = \"twice\"; schedule = [ \"50ms\" ]; },"                                    \
    "          { name = \"four\"; first = \"10ms\"; factor = 1.0; attempts = 4; } );"

static struct process *start(struct scene *scene)
{
    return daemon_start(scene_config(scene, "retry = \"quick\";", QUICK));
}

static uint64_t insert(struct scene *scene, const char *payload)
{
    return scene_insert(scene, "INSERT INTO dueq_job (kind, payload) VALUES ('work', '%s')",
                        payload);
}

/* "1:first|2:second", from dueq_error. */
static void expect_errors(struct scene *scene, uint64_t id, const char *expected)
{
    char *errors = sql_text(scene->admin,
                            "SELECT IFNULL(GROUP_CONCAT(CONCAT(attempt, ':', message) ORDER BY "
                            "error_id SEPARATOR '|'), '') FROM dueq_error WHERE job_id = %llu",
                            (unsigned long long) id);
    assert_string_equal(errors, expected);
    free(errors);
}

static void expect_dead(struct scene *scene, uint64_t id, const char *reason, unsigned attempts,
                        const char *message)
{
    sql_wait_until(scene->admin, 20, "SELECT COUNT(*) FROM dueq_dead WHERE id = %llu",
                   (unsigned long long) id);
    assert_int_equal(sql_u64(scene->admin, "SELECT COUNT(*) FROM dueq_job WHERE id = %llu",
                             (unsigned long long) id),
                     0);
    char *dead = sql_text(
        scene->admin,
        "SELECT CONCAT_WS('|', reason, attempts, message) FROM dueq_dead WHERE id = %llu",
        (unsigned long long) id);
    char expected[256];
    snprintf(expected, sizeof expected, "%s|%u|%s", reason, attempts, message);
    assert_string_equal(dead, expected);
    free(dead);
}

/* The numbers of the attempts of a job, in the order of its runs: "123". */
static void expect_attempts(struct scene *scene, uint64_t id, const char *expected)
{
    char found[16] = "";
    struct journal journal;
    journal_read(scene->journal, &journal);
    size_t len = 0;
    for (size_t i = 0; i < journal.count && len + 1 < sizeof found; i++)
        if (journal.runs[i].id == id)
            found[len++] = (char) ('0' + journal.runs[i].attempt);
    journal_done(&journal);
    assert_string_equal(found, expected);
}

static void a_job_that_fails_is_tried_again_until_it_is_done(void **state)
{
    struct scene *scene = *state;
    struct process *daemon = start(scene);
    uint64_t id = insert(scene, "{\"fail_times\":2,\"message\":\"the mill is closed\"}");
    scene_wait_all_gone(scene, 20);
    expect_attempts(scene, id, "123");
    expect_errors(scene, id, "1:the mill is closed|2:the mill is closed");
    assert_int_equal(sql_u64(scene->admin, "SELECT COUNT(*) FROM dueq_dead"), 0);
    daemon_stop(daemon);
}

static void a_job_whose_attempts_are_used_up_is_dead_with_the_error_of_each(void **state)
{
    struct scene *scene = *state;
    struct process *daemon = start(scene);
    uint64_t id = insert(scene, "{\"outcome\":\"retry\",\"message\":\"no\"}");
    expect_dead(scene, id, "exhausted", 3, "no");
    expect_attempts(scene, id, "123");
    expect_errors(scene, id, "1:no|2:no|3:no");
    char *worker = sql_text(scene->admin, "SELECT MIN(worker) FROM dueq_error");
    char pid[16];
    snprintf(pid, sizeof pid, ":%d", (int) process_id(daemon));
    assert_non_null(strstr(worker, pid));
    free(worker);
    daemon_stop(daemon);
}

static void a_dead_letter_is_the_whole_row(void **state)
{
    struct scene *scene = *state;
    struct process *daemon = start(scene);
    uint64_t id = scene_insert(
        scene, "INSERT INTO dueq_job (kind, payload, headers, priority, retry, max_attempts, "
               "unique_key, ordering_key) VALUES ('work', '{\"outcome\":\"dead\"}', "
               "'{\"a\":1}', 3, 'four', 7, 'key', 'order')");
    sql_wait_until(scene->admin, 20, "SELECT COUNT(*) FROM dueq_dead");
    assert_int_equal(
        sql_u64(scene->admin,
                "SELECT id = %llu AND queue = 'default' AND kind = 'work' AND "
                "payload = '{\"outcome\":\"dead\"}' AND JSON_VALUE(headers, '$.a') = 1 "
                "AND priority = 3 AND state = 'ready' AND attempts = 1 AND "
                "max_attempts = 7 AND retry = 'four' AND unique_key = 'key' AND "
                "ordering_key = 'order' AND created_at IS NOT NULL AND next_run_at IS "
                "NOT NULL AND died_at >= created_at FROM dueq_dead",
                (unsigned long long) id),
        1);
    /* The key is free again. */
    scene_insert(scene,
                 "INSERT INTO dueq_job (kind, payload, unique_key) VALUES ('work', '', 'key')");
    scene_wait_all_gone(scene, 20);
    daemon_stop(daemon);
}

static void a_handler_that_says_dead_is_believed_at_once(void **state)
{
    struct scene *scene = *state;
    struct process *daemon = start(scene);
    uint64_t id = insert(scene, "{\"outcome\":\"dead\",\"message\":\"no such order\"}");
    expect_dead(scene, id, "handler", 1, "no such order");
    expect_errors(scene, id, "1:no such order");
    process_expect_line(daemon, "a job is dead: no such order", 10);
    daemon_stop(daemon);
}

static void a_snoozed_job_comes_back_without_being_charged(void **state)
{
    struct scene *scene = *state;
    struct process *daemon = start(scene);
    uint64_t id = insert(scene, "{\"outcome\":\"snooze\",\"delay_ms\":30}");
    journal_wait_count_of(scene->journal, id, 5, 20); /* more than the policy allows */
    sql_wait_until(scene->producer, 20,
                   "SELECT attempts = 0 AND lease IS NULL FROM dueq_job WHERE id = %llu",
                   (unsigned long long) id);
    sql_run(scene->producer, "UPDATE dueq_job SET payload = '' WHERE id = %llu",
            (unsigned long long) id);
    scene_wait_all_gone(scene, 20);
    struct journal journal;
    journal_read(scene->journal, &journal);
    for (size_t i = 0; i < journal.count; i++)
        assert_int_equal(journal.runs[i].attempt, 1);
    journal_done(&journal);
    expect_errors(scene, id, "");
    daemon_stop(daemon);
}

static void a_pending_job_ends_as_its_handler_says_later(void **state)
{
    struct scene *scene = *state;
    struct process *daemon = start(scene);
    uint64_t done = insert(scene, "{\"outcome\":\"pending\",\"sleep_ms\":50}");
    uint64_t failing = insert(scene, "{\"outcome\":\"pending\",\"sleep_ms\":20,\"fail_times\":1,"
                                     "\"message\":\"later\"}");
    uint64_t dead = insert(scene,
                           "{\"outcome\":\"pending\",\"finish\":\"dead\",\"message\":\"n\"}");
    expect_dead(scene, dead, "handler", 1, "n");
    scene_wait_all_gone(scene, 20);
    expect_attempts(scene, done, "1");
    expect_attempts(scene, failing, "12");
    expect_errors(scene, failing, "1:later");
    daemon_stop(daemon);
}

static void the_delay_a_handler_asks_for_goes_before_the_policy(void **state)
{
    struct scene *scene = *state;
    struct process *daemon = daemon_start(scene_config(scene, NULL, NULL));
    uint64_t asked = insert(scene, "{\"outcome\":\"retry\",\"delay_ms\":1800000}");
    uint64_t clamped = insert(scene, "{\"outcome\":\"retry\",\"delay_ms\":36000000}");
    sql_wait_until(scene->admin, 20, "SELECT COUNT(*) = 2 FROM dueq_error");
    /* To the end of the hour that "exponential" allows, give or take what the test took. */
    assert_in_range(sql_u64(scene->admin,
                            "SELECT TIMESTAMPDIFF(SECOND, NOW(6), next_run_at) FROM dueq_job WHERE "
                            "id = %llu AND lease IS NULL",
                            (unsigned long long) asked),
                    1700, 1800);
    assert_in_range(sql_u64(scene->admin,
                            "SELECT TIMESTAMPDIFF(SECOND, NOW(6), next_run_at) FROM dueq_job WHERE "
                            "id = %llu AND lease IS NULL",
                            (unsigned long long) clamped),
                    3500, 3600);
    daemon_stop(daemon);
}

static void the_job_s_policy_goes_before_its_kind_s_and_that_before_its_queue_s(void **state)
{
    struct scene *scene = *state;
    struct process *daemon = daemon_start(scene_config_text(
        scene,
        "queues = ( { name = \"default\"; poll = \"10ms\"; retry = \"quick\"; } );"
        "kinds = ( { kind = \"four\"; handler = \"noop\"; retry = \"four\"; options = { outcome = "
        "\"retry\"; }; }, { kind = \"plain\"; handler = \"noop\"; options = { outcome = \"retry\"; "
        "}; } ); " QUICK));
    scene_insert(scene, "INSERT INTO dueq_job (kind, payload, retry, max_attempts) VALUES"
                        " ('plain', 'queue', NULL, NULL), ('four', 'kind', NULL, NULL),"
                        " ('four', 'job', 'twice', NULL), ('four', 'limit', 'four', 1)");
    scene_wait_all_gone(scene, 20);
    char *dead = sql_text(scene->admin, "SELECT GROUP_CONCAT(CONCAT(payload, attempts) ORDER BY "
                                        "id) FROM dueq_dead");
    assert_string_equal(dead, "queue3,kind4,job2,limit1");
    free(dead);
    daemon_stop(daemon);
}

static void a_policy_that_does_not_exist_is_named_and_does_no_harm(void **state)
{
    struct scene *scene = *state;
    struct process *daemon = start(scene);
    uint64_t id = scene_insert(scene, "INSERT INTO dueq_job (kind, payload, retry) VALUES ('work', "
                                      "'{\"outcome\":\"retry\",\"message\":\"m\"}', 'gentel')");
    expect_dead(scene, id, "exhausted", 3, "m");
    process_expect_line(daemon, "retry=gentel", 10);
    daemon_stop(daemon);
}

static void a_built_in_policy_is_there_without_configuration(void **state)
{
    struct scene *scene = *state;
    struct process *daemon = start(scene);
    scene_insert(scene, "INSERT INTO dueq_job (kind, payload, retry) VALUES"
                        " ('work', '{\"outcome\":\"retry\"}', 'alipay'),"
                        " ('work', '{\"outcome\":\"retry\"}', 'wechatpay')");
    sql_wait_until(scene->admin, 20, "SELECT COUNT(*) = 2 FROM dueq_error");
    assert_in_range(sql_u64(scene->admin, "SELECT TIMESTAMPDIFF(SECOND, NOW(6), next_run_at) FROM "
                                          "dueq_job WHERE retry = 'alipay' AND lease IS NULL"),
                    200, 240);
    assert_in_range(sql_u64(scene->admin, "SELECT TIMESTAMPDIFF(SECOND, NOW(6), next_run_at) FROM "
                                          "dueq_job WHERE retry = 'wechatpay' AND lease IS NULL"),
                    1, 15);
    daemon_stop(daemon);
}

static void max_attempts_that_was_lowered_while_it_waited_is_obeyed(void **state)
{
    struct scene *scene = *state;
    struct process *daemon = daemon_start(scene_config(scene, NULL, NULL));
    uint64_t id = insert(scene, "{\"outcome\":\"retry\",\"delay_ms\":60000}");
    sql_wait_until(scene->admin, 20, "SELECT COUNT(*) FROM dueq_error");
    sql_run(
        scene->producer,
        "UPDATE dueq_job SET max_attempts = 1, next_run_at = NOW(6) WHERE id = %llu AND lease IS "
        "NULL",
        (unsigned long long) id);
    expect_dead(scene, id, "exhausted", 1,
                "it has no attempt left: max_attempts was lowered below its attempts");
    expect_attempts(scene, id, "1");
    daemon_stop(daemon);
}

static void a_redriven_job_begins_again_under_its_old_id(void **state)
{
    struct scene *scene = *state;
    struct process *daemon = start(scene);
    uint64_t id = insert(scene, "{\"outcome\":\"dead\",\"message\":\"m\"}");
    expect_dead(scene, id, "handler", 1, "m");
    /* The plain SQL form of `dueq dead redrive`, as an operator. */
    MYSQL *operator= test_connect(scene->database, &scene->database->operator);
    sql_run(operator, "START TRANSACTION; INSERT INTO dueq_job (id, queue, kind, payload, headers, "
                      "priority, max_attempts, retry, unique_key, ordering_key) SELECT id, queue, "
                      "kind, '', headers, priority, max_attempts, retry, unique_key, ordering_key "
                      "FROM dueq_dead WHERE id = %llu; DELETE FROM dueq_dead WHERE id = %llu; "
                      "COMMIT",
            (unsigned long long) id, (unsigned long long) id);
    mysql_close(operator);
    journal_wait_count_of(scene->journal, id, 2, 20);
    scene_wait_all_gone(scene, 20);
    expect_attempts(scene, id, "11");
    daemon_stop(daemon);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENE_TEST(a_job_that_fails_is_tried_again_until_it_is_done),
        SCENE_TEST(a_job_whose_attempts_are_used_up_is_dead_with_the_error_of_each),
        SCENE_TEST(a_dead_letter_is_the_whole_row),
        SCENE_TEST(a_handler_that_says_dead_is_believed_at_once),
        SCENE_TEST(a_snoozed_job_comes_back_without_being_charged),
        SCENE_TEST(a_pending_job_ends_as_its_handler_says_later),
        SCENE_TEST(the_delay_a_handler_asks_for_goes_before_the_policy),
        SCENE_TEST(the_job_s_policy_goes_before_its_kind_s_and_that_before_its_queue_s),
        SCENE_TEST(a_policy_that_does_not_exist_is_named_and_does_no_harm),
        SCENE_TEST(a_built_in_policy_is_there_without_configuration),
        SCENE_TEST(max_attempts_that_was_lowered_while_it_waited_is_obeyed),
        SCENE_TEST(a_redriven_job_begins_again_under_its_old_id),
    };
    return SCENE_RUN(tests);
}
