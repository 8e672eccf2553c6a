#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "exec_fake_host.h"

/* Long-lived children: exec_fixture speaks the protocol; a payload that begins with '!' tells it to
 * misbehave, another one is the line that it answers with. */

static struct fake fake;
static struct fake_job job;

#define COMMAND(...) FAKE_LIST("command", FIXTURE, __VA_ARGS__)
#define LINES                                                                                      \
    {                                                                                              \
        "mode", "lines", NULL                                                                      \
    }
#define OPTIONS(...)                                                                               \
    (const struct fake_option[])                                                                   \
    {                                                                                              \
        __VA_ARGS__                                                                                \
    }
#define OPEN(...)                                                                                  \
    fake_open_or_fail(&fake, OPTIONS(__VA_ARGS__),                                                 \
                      sizeof OPTIONS(__VA_ARGS__) / sizeof(struct fake_option))

static int32_t run(const char *payload)
{
    return fake_run_text(&fake, &job, payload);
}

static uint64_t ask(const char *payload)
{
    assert_int_equal(run(payload), DUEQ_RETRY);
    return strtoull(job.message, NULL, 10);
}

/* ---- stopping ---- */

struct runner {
    struct fake_job job;
    char payload[300];
    int32_t outcome;
    pthread_t thread;
};

static void *run_runner(void *arg)
{
    struct runner *runner = arg;
    runner->outcome = fake_run(&fake, &runner->job);
    return NULL;
}

static struct runner *start_runner(const char *payload)
{
    struct runner *runner = malloc(sizeof *runner);

    snprintf(runner->payload, sizeof runner->payload, "%s", payload);
    fake_job_init(&runner->job, runner->payload, strlen(runner->payload));
    assert_int_equal(pthread_create(&runner->thread, NULL, run_runner, runner), 0);
    return runner;
}

static struct runner *start_hanging(const char *file, pid_t pids[2])
{
    char payload[300];

    snprintf(payload, sizeof payload, "!hang %s", file);
    struct runner *runner = start_runner(payload);
    eventually(read_pids(file, pids));
    return runner;
}

static void a_cancelled_job_takes_its_child_and_what_that_has_started_with_it(void **state)
{
    pid_t pids[2];
    (void) state;

    OPEN(COMMAND("lines"), LINES, { "children", "1", NULL }, { "kill_after", "30s", NULL });
    struct runner *runner = start_hanging(scratch("hang"), pids);
    runner->job.cancelled = true;
    pthread_join(runner->thread, NULL);
    assert_int_equal(runner->outcome, DUEQ_RETRY);
    assert_memory_equal(runner->job.message, "cancelled after ", 16);
    assert_non_null(strstr(runner->job.message, "; killed by signal 15 (SIGTERM)"));
    assert_true(is_gone(pids[0]));
    eventually(is_gone(pids[1]));
    free(runner);
    /* and that was no fault of the child's: the next one is there at once */
    assert_int_equal(run("{\"outcome\":\"done\"}"), DUEQ_DONE);
    assert_false(fake_logged(&fake, "<4>"));
    fake_close_clean(&fake);
}

static void a_stubborn_child_is_killed_after_its_grace(void **state)
{
    pid_t pids[2];
    (void) state;

    OPEN(COMMAND("lines-stubborn"), LINES, { "kill_after", "50ms", NULL });
    struct runner *runner = start_hanging(scratch("stubborn"), pids);
    runner->job.cancelled = true;
    pthread_join(runner->thread, NULL);
    assert_int_equal(runner->outcome, DUEQ_RETRY);
    assert_non_null(strstr(runner->job.message, "; killed by signal 9 (SIGKILL)"));
    assert_true(is_gone(pids[0]));
    free(runner);
    fake_close_clean(&fake);
}

static void a_job_that_finds_no_free_child_in_its_time_is_put_off_uncharged(void **state)
{
    pid_t pids[2];
    (void) state;

    OPEN(COMMAND("lines"), LINES, { "children", "1", NULL });
    struct runner *busy = start_hanging(scratch("busy"), pids);
    struct runner *waiting = start_runner("{\"outcome\":\"done\"}");
    eventually(waiting->job.asked > 0);
    waiting->job.cancelled = true;
    pthread_join(waiting->thread, NULL);
    assert_int_equal(waiting->outcome, DUEQ_SNOOZE);
    assert_true(fake_logged(&fake, "none of 1 children was free"));
    busy->job.cancelled = true;
    pthread_join(busy->thread, NULL);
    free(waiting);
    free(busy);
    fake_close_clean(&fake);
}

static void closing_ends_children_that_heed_neither_eof_nor_sigterm(void **state)
{
    (void) state;
    OPEN(COMMAND("lines-stubborn"), LINES, { "kill_after", "10ms", NULL });
    uint64_t pid = ask("!pid");
    fake_close_clean(&fake);
    assert_true(is_gone((pid_t) pid));
}

/* ---- a program that does not work ---- */

static void a_program_that_dies_at_once_is_started_rarely_and_costs_no_attempts(void **state)
{
    const char *file = scratch("starts");
    char mended[300];
    (void) state;

    snprintf(mended, sizeof mended, "%s.mended", file);
    OPEN(COMMAND("lines-die-unless", file), LINES, { "restart_delay", "200ms", NULL });
    for (int i = 0; i < 2000; i++) {
        assert_int_equal(run("{\"outcome\":\"done\"}"), DUEQ_SNOOZE);
        assert_in_range(job.result.delay_us, 1000000, 30000000);
    }
    assert_non_null(strstr(job.message, "exit status 1: not configured"));
    /* 2,000 jobs in some milliseconds; by a minute of them there could have been 9 starts */
    assert_in_range(file_size(file), 1, 9);
    assert_int_equal(fake_log_count(&fake, "next start in"), file_size(file));
    assert_true(fake_logged(&fake, "not configured"));

    int fd = open(mended, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    close(fd);
    eventually(run("{\"outcome\":\"done\"}") == DUEQ_DONE);
    fake_close_clean(&fake);
}

static void the_pause_grows_while_starts_fail(void **state)
{
    const char *file = scratch("growing");
    (void) state;

    OPEN(COMMAND("lines-die-unless", file), LINES, { "restart_delay", "10ms", NULL });
    eventually(run("x") == DUEQ_SNOOZE && fake_logged(&fake, "next start in 0.1 s"));
    eventually(run("x") == DUEQ_SNOOZE && fake_logged(&fake, "next start in 0.4 s"));
    fake_close_clean(&fake);
}

static void a_missing_program_puts_jobs_off_and_is_found_when_it_comes(void **state)
{
    const char *program = scratch("late");
    (void) state;

    OPEN(FAKE_LIST("command", program, "lines"), LINES, { "restart_delay", "10ms", NULL });
    assert_true(fake_logged(&fake, "<4>cannot run"));
    assert_int_equal(run("{\"outcome\":\"done\"}"), DUEQ_SNOOZE);
    assert_non_null(strstr(job.message, "no such file"));
    assert_true(fake_logged(&fake, "no such file; next start in"));
    assert_int_equal(symlink(FIXTURE, program), 0);
    eventually(run("{\"outcome\":\"done\"}") == DUEQ_DONE);
    fake_close_clean(&fake);
}

static void a_program_that_is_no_handler_is_not_started_for_each_job(void **state)
{
    unsigned charged = 0;
    (void) state;

    OPEN(FAKE_LIST("command", "/bin/cat"), LINES); /* echoes the job: never an answer */
    for (int i = 0; i < 200; i++)
        charged += run("{}") == DUEQ_RETRY;
    assert_in_range(charged, 1, 8);
    assert_non_null(strstr(fake.log, "a child was ended because its first answer was none"));
    fake_close_clean(&fake);
}

/* ---- stderr ---- */

static void what_children_say_on_stderr_is_logged_and_limited(void **state)
{
    (void) state;
    OPEN(COMMAND("lines"), LINES, { "children", "1", NULL });
    assert_int_equal(run("!stderr 2"), DUEQ_DONE);
    eventually(fake_logged(&fake, "<6>line 2 pid=") && fake_logged(&fake, "<6>line 1 pid="));
    assert_int_equal(run("!stderr 5000"), DUEQ_DONE);
    fake_close_clean(&fake);
    assert_in_range(fake_log_count(&fake, "<6>line"), 3, 200);
    assert_true(fake_logged(&fake, "more lines of a child's stderr were left out"));
}

/* ---- many ---- */

enum { THREADS = 8, JOBS = 200 };

struct load {
    pthread_t thread;
    unsigned wrong;
    uint64_t pids[JOBS];
};

static void *run_load(void *arg)
{
    struct load *load = arg;
    struct fake_job *mine = malloc(sizeof *mine);

    for (int i = 0; i < JOBS; i++) {
        load->wrong += fake_run_text(&fake, mine, "!pid") != DUEQ_RETRY;
        load->pids[i] = strtoull(mine->message, NULL, 10);
        load->wrong += load->pids[i] == 0;
    }
    free(mine);
    return NULL;
}

static void eight_threads_share_three_children(void **state)
{
    struct load *loads = calloc(THREADS, sizeof *loads);
    uint64_t seen[16];
    size_t seen_count = 0;
    (void) state;

    OPEN(COMMAND("lines"), LINES, { "children", "3", NULL });
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&loads[i].thread, NULL, run_load, &loads[i]), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(loads[i].thread, NULL);
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(loads[i].wrong, 0);
        for (int j = 0; j < JOBS; j++) {
            size_t at = 0;
            while (at < seen_count && seen[at] != loads[i].pids[j])
                at++;
            assert_true(at < 16);
            if (at == seen_count)
                seen[seen_count++] = loads[i].pids[j];
        }
    }
    assert_in_range(seen_count, 1, 3);
    free(loads);
    fake_close_clean(&fake);
}

static void *run_mixed(void *arg)
{
    static const char *const payloads[] = {
        "{\"outcome\":\"done\"}", "!crash", "{\"outcome\":\"done\"}", "garbage", "!answer-and-exit",
        "{\"outcome\":\"done\"}",
    };
    unsigned *bad = arg;
    struct fake_job *mine = malloc(sizeof *mine);

    for (int i = 0; i < 60; i++) {
        const char *payload = payloads[i % 6];
        bool good = payload[0] == '{' || strcmp(payload, "!answer-and-exit") == 0;
        int32_t outcome;
        while ((outcome = fake_run_text(&fake, mine, payload)) == DUEQ_SNOOZE)
            nap();
        *bad += outcome != (good ? DUEQ_DONE : DUEQ_RETRY);
    }
    free(mine);
    return NULL;
}

static void children_that_die_under_load_take_no_other_job_with_them(void **state)
{
    pthread_t threads[THREADS];
    unsigned bad[THREADS] = { 0 };
    (void) state;

    OPEN(COMMAND("lines"), LINES, { "children", "3", NULL }, { "restart_delay", "10ms", NULL },
         { "max_jobs", "7", NULL });
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, run_mixed, &bad[i]), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(bad[i], 0);
    fake_close_clean(&fake);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_cancelled_job_takes_its_child_and_what_that_has_started_with_it),
        cmocka_unit_test(a_stubborn_child_is_killed_after_its_grace),
        cmocka_unit_test(a_job_that_finds_no_free_child_in_its_time_is_put_off_uncharged),
        cmocka_unit_test(closing_ends_children_that_heed_neither_eof_nor_sigterm),
        cmocka_unit_test(a_program_that_dies_at_once_is_started_rarely_and_costs_no_attempts),
        cmocka_unit_test(the_pause_grows_while_starts_fail),
        cmocka_unit_test(a_missing_program_puts_jobs_off_and_is_found_when_it_comes),
        cmocka_unit_test(a_program_that_is_no_handler_is_not_started_for_each_job),
        cmocka_unit_test(what_children_say_on_stderr_is_logged_and_limited),
        cmocka_unit_test(eight_threads_share_three_children),
        cmocka_unit_test(children_that_die_under_load_take_no_other_job_with_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
