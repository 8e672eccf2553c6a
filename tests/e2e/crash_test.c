#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "daemon.h"
#include "fail.h"
#include "journal.h"
#include "scene.h"
#include "sql.h"

/* Daemons that die without a word, or stand still for longer than their leases. */

/* Leased, so that each attempt is charged before it begins; hold_test has the held ones. */
#define SHORT_LEASE "claim = \"lease\"; threads = 4; lease = \"1s\"; timeout = \"1h\";"

static void a_job_of_a_killed_daemon_is_run_by_another_when_its_lease_has_ended(void **state)
{
    struct scene *scene = *state;
    const char *config = scene_config(scene, SHORT_LEASE, NULL);
    struct process *daemon = daemon_start(config);
    uint64_t id = scene_insert(scene, "INSERT INTO dueq_job (kind, payload) VALUES ('work', "
                                      "'{\"sleep_ms\":3600000}')");
    journal_wait_count_of(scene->journal, id, 1, 20);
    process_signal(daemon, SIGKILL);
    assert_int_equal(process_wait(daemon, 20), 128 + SIGKILL);
    /* While it waits for the next daemon it may be changed. */
    sql_run(scene->admin, "UPDATE dueq_job SET payload = ''");

    daemon = daemon_start(config);
    scene_wait_all_gone(scene, 20);
    assert_int_equal(journal_count_of(scene->journal, id), 2);
    char *error = sql_text(
        scene->admin, "SELECT CONCAT(attempt, ' ', message) FROM dueq_error WHERE job_id = %llu",
        (unsigned long long) id);
    assert_non_null(strstr(error, "1 the lease ran out"));
    free(error);
    assert_int_equal(sql_u64(scene->admin, "SELECT COUNT(*) FROM dueq_error"), 1);
    daemon_stop(daemon);
}

static void a_last_attempt_that_was_killed_is_not_run_again(void **state)
{
    struct scene *scene = *state;
    const char *config = scene_config(scene, SHORT_LEASE, NULL);
    struct process *daemon = daemon_start(config);
    uint64_t id = scene_insert(scene, "INSERT INTO dueq_job (kind, payload, max_attempts) VALUES "
                                      "('work', '{\"sleep_ms\":3600000}', 1)");
    journal_wait_count_of(scene->journal, id, 1, 20);
    process_signal(daemon, SIGKILL);
    process_wait(daemon, 20);
    daemon = daemon_start(config);
    sql_wait_until(scene->admin, 20,
                   "SELECT COUNT(*) FROM dueq_dead WHERE reason = 'expired' AND attempts = 1");
    assert_int_equal(journal_count_of(scene->journal, id), 1);
    assert_int_equal(sql_u64(scene->admin, "SELECT COUNT(*) FROM dueq_job"), 0);
    daemon_stop(daemon);
}

/* Each run of a job beyond its first must be accounted for: an attempt that was charged and whose
 * lease ran out. */
static void expect_accounts_balance(struct scene *scene, size_t jobs)
{
    size_t run = 0;
    struct journal journal;
    size_t repeated = journal_repeated(scene->journal, &run);
    assert_int_equal(run, jobs);
    assert_true(repeated <= sql_u64(scene->admin, "SELECT COUNT(*) FROM dueq_error"));

    /* No attempt was run twice, and none was skipped but by a daemon that died before it began. */
    journal_read(scene->journal, &journal);
    journal_sort(&journal);
    for (size_t i = 1; i < journal.count; i++)
        if (journal.runs[i].id == journal.runs[i - 1].id)
            assert_true(journal.runs[i].attempt > journal.runs[i - 1].attempt);
    for (size_t i = 0; i < journal.count; i++) {
        bool last = i + 1 == journal.count || journal.runs[i + 1].id != journal.runs[i].id;
        unsigned failed = journal.runs[i].attempt - 1;
        if (last && failed > 0)
            assert_int_equal(
                sql_u64(scene->admin,
                        "SELECT COUNT(DISTINCT attempt) FROM dueq_error WHERE job_id = "
                        "%llu AND attempt <= %u",
                        (unsigned long long) journal.runs[i].id, failed),
                failed);
    }
    journal_done(&journal);
}

static void daemons_killed_in_the_middle_lose_nothing(void **state)
{
    struct scene *scene = *state;
    enum { JOBS = 4000, KILLS = 4 };
    const char *config = scene_config(scene, SHORT_LEASE, NULL);
    struct process *survivor = daemon_start(config);
    scene_insert_many(scene, JOBS, "{\"sleep_ms\":3}");
    for (int i = 1; i <= KILLS; i++) {
        struct process *victim = daemon_start(config);
        journal_wait_count(scene->journal, (size_t) (i * JOBS / (KILLS + 1)), 30);
        process_signal(victim, SIGKILL);
        process_wait(victim, 20);
    }
    scene_wait_all_gone(scene, 60);
    expect_accounts_balance(scene, JOBS);
    assert_int_equal(sql_u64(scene->admin, "SELECT COUNT(*) FROM dueq_dead"), 0);
    assert_true(sql_u64(scene->admin, "SELECT COUNT(*) FROM dueq_error") > 0);
    daemon_stop(survivor);
}

static void the_outcome_of_a_daemon_that_stood_still_past_its_lease_is_refused(void **state)
{
    struct scene *scene = *state;
    const char *config = scene_config(scene, SHORT_LEASE, NULL);
    struct process *frozen = daemon_start(config);
    uint64_t id = scene_insert(scene, "INSERT INTO dueq_job (kind, payload) VALUES ('work', "
                                      "'{\"sleep_ms\":1000}')");
    journal_wait_count_of(scene->journal, id, 1, 20);
    process_signal(frozen, SIGSTOP);

    struct process *other = daemon_start(config);
    scene_wait_all_gone(scene, 30); /* the other one has run it, and has settled it */
    assert_int_equal(journal_count_of(scene->journal, id), 2);
    daemon_wait_counter(other, scene->admin, "done", 1);
    uint64_t errors = sql_u64(scene->admin, "SELECT COUNT(*) FROM dueq_error");

    process_signal(frozen, SIGCONT);
    process_expect_line(frozen, "an outcome is refused", 20);
    daemon_wait_counter(frozen, scene->admin, "fenced", 1);
    assert_int_equal(journal_count_of(scene->journal_end, id), 2);
    assert_int_equal(sql_u64(scene->admin, "SELECT COUNT(*) FROM dueq_job"), 0);
    assert_int_equal(sql_u64(scene->admin, "SELECT COUNT(*) FROM dueq_dead"), 0);
    assert_int_equal(sql_u64(scene->admin, "SELECT COUNT(*) FROM dueq_error"), errors);
    daemon_stop(frozen);
    daemon_stop(other);
}

static void a_stale_outcome_does_not_touch_the_attempt_that_runs_elsewhere(void **state)
{
    struct scene *scene = *state;
    const char *config = scene_config(scene, SHORT_LEASE, NULL);
    struct process *frozen = daemon_start(config);
    uint64_t id = scene_insert(scene, "INSERT INTO dueq_job (kind, payload) VALUES ('work', "
                                      "'{\"sleep_ms\":500}')");
    journal_wait_count_of(scene->journal, id, 1, 20);
    process_signal(frozen, SIGSTOP);
    sql_wait_until(scene->admin, 20, "SELECT next_run_at < NOW(6) FROM dueq_job");
    sql_run(scene->admin, "UPDATE dueq_job SET payload = '{\"sleep_ms\":4000}'");

    struct process *other = daemon_start(config);
    journal_wait_count_of(scene->journal, id, 2, 20);
    process_signal(frozen, SIGCONT);
    process_expect_line(frozen, "an outcome is refused", 20);
    assert_int_equal(sql_u64(scene->admin,
                             "SELECT attempts FROM dueq_job WHERE lease IS NOT NULL AND "
                             "next_run_at > NOW(6)"),
                     2);
    assert_int_equal(journal_count_of(scene->journal_end, id), 1);
    scene_wait_all_gone(scene, 20);
    assert_int_equal(journal_count_of(scene->journal, id), 2);
    assert_int_equal(sql_u64(scene->admin, "SELECT COUNT(*) FROM dueq_error"), 1);
    daemon_stop(frozen);
    daemon_stop(other);
}

static void what_a_frozen_daemon_holds_in_memory_is_not_begun_after_its_lease(void **state)
{
    struct scene *scene = *state;
    enum { JOBS = 200 };
    /* One thread, and more jobs claimed than it has begun. */
    const char *config = scene_config(scene, "threads = 1; lease = \"1s\";", NULL);
    struct process *frozen = daemon_start(config);
    scene_insert_many(scene, JOBS, "{\"sleep_ms\":10}");
    journal_wait_count(scene->journal, 10, 20);
    process_signal(frozen, SIGSTOP);
    struct process *other = daemon_start(config);
    scene_wait_all_gone(scene, 30);
    size_t before = journal_count(scene->journal);
    process_signal(frozen, SIGCONT);
    /* It is alive again, and serves what comes. */
    daemon_stop(other);
    uint64_t id = scene_insert(scene, "INSERT INTO dueq_job (kind, payload) VALUES ('work', '')");
    journal_wait_count_of(scene->journal, id, 1, 20);
    scene_wait_all_gone(scene, 20);
    assert_int_equal(journal_count(scene->journal), before + 1);
    daemon_stop(frozen);
}

static void
a_daemon_that_stands_still_in_the_middle_of_a_claim_holds_its_rows_not_for_long(void **state)
{
    struct scene *scene = *state;
    const char *config = scene_config(scene, NULL, NULL);
    sql_run(scene->admin, "INSERT INTO dueq_queue (queue, paused) VALUES ('default', 1)");
    struct process *frozen = daemon_start(config);
    uint64_t id = scene_insert(scene, "INSERT INTO dueq_job (kind, payload) VALUES ('work', '')");
    /* The claim's SELECT … FOR UPDATE waits for this lock, and the probe before it does not. */
    MYSQL *locker = test_connect(scene->database, NULL);
    sql_run(locker, "LOCK TABLES dueq_job READ");
    sql_run(scene->admin, "DELETE FROM dueq_queue");
    sql_wait_until(scene->admin, 20,
                   "SELECT COUNT(*) FROM information_schema.processlist WHERE user = '%s' AND info "
                   "LIKE 'SELECT%%FOR UPDATE%%'",
                   scene->database->daemon.user);
    process_signal(frozen, SIGSTOP);
    mysql_close(locker); /* the server locks the row, for one that does not listen */
    sql_wait_until(scene->admin, 20,
                   "SELECT COUNT(*) = 0 FROM information_schema.processlist WHERE user = '%s' AND "
                   "info LIKE 'SELECT%%FOR UPDATE%%'",
                   scene->database->daemon.user);
    struct process *other = daemon_start(config);
    journal_wait_count_of(scene->journal, id, 1, 40);
    scene_wait_all_gone(scene, 20);
    process_signal(frozen, SIGCONT);
    daemon_stop(other);
    id = scene_insert(scene, "INSERT INTO dueq_job (kind, payload) VALUES ('work', '')");
    journal_wait_count_of(scene->journal, id, 1, 20);
    journal_expect_each_once(scene->journal, 2);
    daemon_stop(frozen);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENE_TEST(a_job_of_a_killed_daemon_is_run_by_another_when_its_lease_has_ended),
        SCENE_TEST(a_last_attempt_that_was_killed_is_not_run_again),
        SCENE_TEST(daemons_killed_in_the_middle_lose_nothing),
        SCENE_TEST(the_outcome_of_a_daemon_that_stood_still_past_its_lease_is_refused),
        SCENE_TEST(a_stale_outcome_does_not_touch_the_attempt_that_runs_elsewhere),
        SCENE_TEST(what_a_frozen_daemon_holds_in_memory_is_not_begun_after_its_lease),
        SCENE_TEST(a_daemon_that_stands_still_in_the_middle_of_a_claim_holds_its_rows_not_for_long),
    };
    return SCENE_RUN(tests);
}
