#include <dirent.h>
#include <signal.h>
#include <string.h>

#include "daemon.h"
#include "directory.h"
#include "fail.h"
#include "journal.h"
#include "scene.h"
#include "sql.h"

/* What a daemon that died leaves behind in its ledger, and what the next one on this host makes of
 * it. The leases last longer than any test: nothing here comes of one that ran out. */

enum { LIMIT = 20 };

#define LEASED "claim = \"lease\"; threads = 4; lease = \"1h\"; timeout = \"1h\";"
#define HELD "claim = \"hold\"; threads = 4; hold = \"1s\"; lease = \"1h\"; timeout = \"1h\";"
#define INSERT_WORK "INSERT INTO dueq_job (kind, payload, max_attempts) VALUES ('work', "
#define SLEEP_LONG "'{\"sleep_ms\":3600000}'"

static const char *state_directory;

static const char *config(struct scene *scene, const char *queue, const char *more)
{
    scene->handlers = daemon_handlers((const char *const[]){ "crasher", "noop", NULL });
    state_directory = test_directory_new();
    return scene_config_text(
        scene,
        "state = \"%s\"; crash_limit = 2; retry = ( { name = \"soon\"; factor = 1.0; jitter = 0.0; "
        "first = \"100ms\"; attempts = 10; } );"
        "queues = ( { name = \"default\"; poll = \"10ms\"; retry = \"soon\"; %s } ); kinds = ( %s "
        ");"
        "%s",
        state_directory, queue, scene_noop(scene, "work"), more ? more : "");
}

static size_t ledgers(void)
{
    DIR *directory = opendir(state_directory);
    size_t count = 0;
    for (struct dirent *entry; (entry = readdir(directory));)
        count += entry->d_name[0] != '.';
    closedir(directory);
    return count;
}

static void kill_daemon(struct process *daemon)
{
    process_signal(daemon, SIGKILL);
    assert_int_equal(process_wait(daemon, LIMIT), 128 + SIGKILL);
}

static uint64_t count(struct scene *scene, const char *what)
{
    return sql_u64(scene->admin, "SELECT COUNT(*) FROM %s", what);
}

static void wait_for(struct scene *scene, const char *what)
{
    sql_wait_until(scene->admin, LIMIT, "SELECT COUNT(*) > 0 FROM %s", what);
}

static void an_orderly_end_leaves_no_ledger(void **state)
{
    struct scene *scene = *state;
    struct process *daemon = daemon_start(config(scene, LEASED, NULL));
    assert_int_equal(ledgers(), 1);
    daemon_stop(daemon);
    assert_int_equal(ledgers(), 0);
}

/* Each way to die, on both ways to run: the job is charged, and dead at the second crash. */
static void expect_death(struct scene *scene, const char *queue, const char *way, int number)
{
    const char *file = config(scene, queue, NULL);
    struct process *daemon = daemon_start(file);
    uint64_t id = scene_insert(
        scene, "INSERT INTO dueq_job (kind, payload) VALUES ('crasher', '%s')", way);

    assert_int_equal(process_wait(daemon, LIMIT), 128 + number);
    assert_int_equal(process_count(daemon, "a handler crashed, and takes the daemon with it"), 1);
    daemon = daemon_start(file);
    assert_int_equal(process_wait(daemon, LIMIT), 128 + number);
    assert_int_equal(process_count(daemon, "a job is tried again: crashed: handler crasher"), 1);
    daemon = daemon_start(file);
    wait_for(scene, "dueq_dead WHERE reason = 'crashed' AND attempts = 2");
    assert_int_equal(count(scene, "dueq_job"), 0);
    char *message = sql_text(scene->admin, "SELECT message FROM dueq_dead WHERE id = %llu",
                             (unsigned long long) id);
    assert_non_null(strstr(message, sigabbrev_np(number)));
    free(message);
    assert_int_equal(count(scene, "dueq_error WHERE message LIKE 'crashed: handler crasher %'"), 2);
    daemon_stop(daemon);
    assert_int_equal(ledgers(), 0);
    sql_run(scene->admin, "DELETE FROM dueq_dead; DELETE FROM dueq_error");
}

static void a_handler_that_writes_to_nowhere_is_to_blame(void **state)
{
    expect_death(*state, LEASED, "write", SIGSEGV);
    expect_death(*state, HELD, "write", SIGSEGV);
}

static void a_handler_that_divides_by_zero_is_to_blame(void **state)
{
    expect_death(*state, LEASED, "divide", SIGFPE);
}

static void a_handler_that_aborts_is_to_blame(void **state)
{
    expect_death(*state, HELD, "abort", SIGABRT);
}

static void a_handler_that_overflows_its_stack_is_to_blame(void **state)
{
    expect_death(*state, LEASED, "overflow", SIGSEGV);
}

static void an_illegal_instruction_is_blamed_on_its_handler(void **state)
{
    expect_death(*state, LEASED, "illegal", SIGILL);
}

static void those_that_ran_beside_the_one_to_blame_are_run_again_uncharged(void **state)
{
    struct scene *scene = *state;
    const char *file = config(scene, LEASED, NULL);
    struct process *daemon = daemon_start(file);
    uint64_t bystander = scene_insert(scene, INSERT_WORK SLEEP_LONG ", 1)");
    journal_wait_count_of(scene->journal, bystander, 1, LIMIT);
    scene_insert(scene, "INSERT INTO dueq_job (kind, payload) VALUES ('crasher', 'write')");
    assert_int_equal(process_wait(daemon, LIMIT), 128 + SIGSEGV);
    sql_run(scene->admin, "UPDATE dueq_job SET payload = ''");

    daemon = daemon_start(file);
    assert_int_equal(process_count(daemon, "run_again=1 charged=0 crashed=1"), 1);
    scene_wait_all_gone(scene, LIMIT);
    assert_int_equal(journal_count_of(scene->journal, bystander), 2);
    assert_int_equal(count(scene, "dueq_dead"), 0);
    assert_int_equal(count(scene, "dueq_error"), 1);
    daemon_stop(daemon);
}

static void what_had_not_begun_when_a_daemon_was_killed_is_given_back(void **state)
{
    struct scene *scene = *state;
    const char *file = config(
        scene, "claim = \"lease\"; threads = 1; lease = \"1h\"; timeout = \"1h\";", NULL);
    struct process *daemon = daemon_start(file);
    uint64_t begun = scene_insert(scene, INSERT_WORK SLEEP_LONG ", 1)");
    journal_wait_count_of(scene->journal, begun, 1, LIMIT);
    uint64_t waiting = scene_insert(scene, INSERT_WORK "'', 1)");
    wait_for(scene, "dueq_job WHERE lease IS NOT NULL AND payload = ''");
    kill_daemon(daemon);

    daemon = daemon_start(file);
    assert_int_equal(process_count(daemon, "given_back=1 run_again=0 charged=1 crashed=0"), 1);
    /* The other one was allowed one attempt, and has had it. */
    wait_for(scene, "dueq_dead WHERE reason = 'expired' AND attempts = 1");
    scene_wait_all_gone(scene, LIMIT);
    assert_int_equal(journal_count_of(scene->journal, begun), 1);
    assert_int_equal(journal_count_of(scene->journal, waiting), 1);
    daemon_stop(daemon);
}

static void a_job_that_gets_its_daemons_killed_is_charged_in_the_end(void **state)
{
    struct scene *scene = *state;
    const char *file = config(scene, HELD, NULL);
    struct process *daemon = daemon_start(file);
    uint64_t id = scene_insert(scene, INSERT_WORK "'{\"sleep_ms\":8000}', 3)");
    journal_wait_count_of(scene->journal, id, 1, LIMIT);
    kill_daemon(daemon);
    assert_int_equal(count(scene, "dueq_job WHERE lease IS NULL AND attempts = 0"), 1);

    daemon = daemon_start(file); /* it is not held again, but leased */
    journal_wait_count_of(scene->journal, id, 2, LIMIT);
    assert_int_equal(count(scene, "dueq_job WHERE lease > 1 AND attempts = 1"), 1);
    kill_daemon(daemon);

    daemon = daemon_start(file);
    journal_wait_count_of(scene->journal, id, 3, LIMIT);
    kill_daemon(daemon);
    daemon = daemon_start(file);
    journal_wait_count_of(scene->journal, id, 4, LIMIT);
    kill_daemon(daemon);
    daemon = daemon_start(file);
    wait_for(scene, "dueq_dead WHERE reason = 'expired' AND attempts = 3");
    assert_int_equal(journal_count_of(scene->journal, id), 4);
    daemon_stop(daemon);
}

static void the_row_of_a_dead_worker_is_gone_at_once(void **state)
{
    struct scene *scene = *state;
    const char *file = config(scene, LEASED, NULL);
    kill_daemon(daemon_start(file));
    assert_int_equal(count(scene, "dueq_worker"), 1);
    struct process *daemon = daemon_start(file);
    assert_int_equal(count(scene, "dueq_worker"), 1);
    daemon_stop(daemon);
}

static void a_state_directory_that_cannot_be_written_is_said_and_done_without(void **state)
{
    struct scene *scene = *state;
    struct process *daemon = daemon_start(
        scene_config(scene, NULL, "state = \"/nowhere/at/all\";"));
    assert_int_equal(process_count(daemon, "/nowhere/at/all"), 1);
    scene_insert(scene, INSERT_WORK "'', 1)");
    scene_wait_all_gone(scene, LIMIT);
    daemon_stop(daemon);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENE_TEST(an_orderly_end_leaves_no_ledger),
        SCENE_TEST(a_handler_that_writes_to_nowhere_is_to_blame),
        SCENE_TEST(a_handler_that_divides_by_zero_is_to_blame),
        SCENE_TEST(a_handler_that_aborts_is_to_blame),
        SCENE_TEST(a_handler_that_overflows_its_stack_is_to_blame),
        SCENE_TEST(an_illegal_instruction_is_blamed_on_its_handler),
        SCENE_TEST(those_that_ran_beside_the_one_to_blame_are_run_again_uncharged),
        SCENE_TEST(what_had_not_begun_when_a_daemon_was_killed_is_given_back),
        SCENE_TEST(a_job_that_gets_its_daemons_killed_is_charged_in_the_end),
        SCENE_TEST(the_row_of_a_dead_worker_is_gone_at_once),
        SCENE_TEST(a_state_directory_that_cannot_be_written_is_said_and_done_without),
    };
    return SCENE_RUN(tests);
}
