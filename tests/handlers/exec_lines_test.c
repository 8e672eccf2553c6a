#include <fcntl.h>
#include <inttypes.h>
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
#include <jansson.h>

#include "exec_fake_host.h"

/* Long-lived children: exec_fixture speaks the protocol; a payload that begins with '!' tells it to
 * misbehave, another one is the line that it answers with. */

static struct fake fake;
static struct fake_job job;
static size_t descriptors_before;

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
    open_children(OPTIONS(__VA_ARGS__), sizeof OPTIONS(__VA_ARGS__) / sizeof(struct fake_option))

static void open_children(const struct fake_option *options, size_t count)
{
    descriptors_before = open_descriptors();
    fake_open_or_fail(&fake, options, count);
}

/* After each test: whatever it did to its children, nothing of them is left. */
static void close_children(void)
{
    fake_close(&fake);
    assert_int_equal(open_descriptors(), descriptors_before);
    assert_false(has_children());
}

static int32_t run(const char *payload)
{
    return fake_run_text(&fake, &job, payload);
}

static uint64_t ask(const char *payload)
{
    assert_int_equal(run(payload), DUEQ_RETRY);
    return strtoull(job.message, NULL, 10);
}

static void a_child_answers_with_any_outcome(void **state)
{
    (void) state;
    OPEN(COMMAND("lines"), LINES);
    assert_int_equal(run("{\"outcome\":\"done\"}"), DUEQ_DONE);
    assert_int_equal(run("{\"outcome\":\"retry\",\"message\":\"busy\",\"delay\":\"30s\"}"),
                     DUEQ_RETRY);
    assert_string_equal(job.message, "busy");
    assert_int_equal(job.result.delay_us, 30000000);
    assert_int_equal(run("{\"outcome\":\"snooze\",\"delay\":0.5}"), DUEQ_SNOOZE);
    assert_int_equal(job.result.delay_us, 500000);
    assert_int_equal(run("{\"outcome\":\"dead\",\"message\":\"no such order\"}"), DUEQ_DEAD);
    assert_string_equal(job.message, "no such order");
    close_children();
}

static void a_child_is_told_all_about_the_job(void **state)
{
    (void) state;
    OPEN(COMMAND("lines"), LINES);
    fake_job_init(&job, "!echo", 5);
    job.job.headers = "{\n \"a\": [1]\n}";
    job.job.headers_len = strlen(job.job.headers);
    assert_int_equal(fake_run(&fake, &job), DUEQ_RETRY);
    json_t *told = json_loads(job.message, 0, NULL);
    assert_int_equal(json_integer_value(json_object_get(told, "id")), 7);
    assert_int_equal(json_integer_value(json_object_get(told, "attempt")), 2);
    assert_int_equal(json_array_size(json_object_get(json_object_get(told, "headers"), "a")), 1);
    assert_string_equal(json_string_value(json_object_get(told, "payload")), "!echo");
    json_decref(told);
    close_children();
}

static void one_child_serves_job_after_job(void **state)
{
    (void) state;
    OPEN(COMMAND("lines"), LINES);
    uint64_t pid = ask("!pid");
    for (uint64_t i = 2; i < 500; i++)
        assert_int_equal(ask("!jobs"), i);
    assert_int_equal(ask("!pid"), pid);
    close_children();
}

static void
a_crash_is_a_retry_with_its_signal_and_last_words_and_the_child_is_replaced(void **state)
{
    (void) state;
    OPEN(COMMAND("lines"), LINES);
    uint64_t pid = ask("!pid");
    assert_int_equal(run("!crash"), DUEQ_RETRY);
    assert_string_equal(job.message, "the child ended before it had answered; "
                                     "killed by signal 10 (SIGUSR1): last words");
    assert_int_not_equal(ask("!pid"), pid);
    close_children();
}

static void an_exit_before_the_answer_is_a_retry_whatever_its_status(void **state)
{
    (void) state;
    OPEN(COMMAND("lines"), LINES);
    ask("!pid");
    assert_int_equal(run("!exit 0"), DUEQ_RETRY);
    assert_string_equal(job.message,
                        "the child ended before it had answered; exit status 0 (EX_OK)");
    ask("!pid");
    assert_int_equal(run("!exit 65"), DUEQ_RETRY);
    ask("!pid");
    assert_int_equal(run("!half"), DUEQ_RETRY);
    close_children();
}

static void a_line_that_is_no_answer_is_shown_and_costs_the_child(void **state)
{
    (void) state;
    OPEN(COMMAND("lines"), LINES);
    uint64_t pid = ask("!pid");
    assert_int_equal(run("PHP Warning: Undefined variable"), DUEQ_RETRY);
    assert_string_equal(job.message,
                        "the child's answer is not a JSON object: PHP Warning: Undefined variable");
    assert_int_equal(job.result.delay_us, -1);
    assert_true(is_gone((pid_t) pid));
    assert_int_not_equal(ask("!pid"), pid);
    close_children();
}

static void an_answer_without_end_is_cut_off(void **state)
{
    (void) state;
    OPEN(COMMAND("lines"), LINES);
    ask("!pid");
    assert_int_equal(run("!long"), DUEQ_RETRY);
    assert_memory_equal(job.message, "the child's answer has more than 65536 bytes: zzz", 49);
    assert_in_range(strlen(job.message), 100, 400);
    close_children();
}

static void a_line_too_many_costs_the_child_and_not_the_job(void **state)
{
    (void) state;
    OPEN(COMMAND("lines"), LINES, { "children", "1", NULL });
    uint64_t pid = ask("!pid");
    /* "dead" must not be taken for what the next job came to */
    assert_int_equal(run("{\"outcome\":\"done\"}\n{\"outcome\":\"dead\"}"), DUEQ_DONE);
    assert_int_equal(run("{\"outcome\":\"done\"}"), DUEQ_DONE);
    assert_int_not_equal(ask("!pid"), pid);
    assert_true(fake_logged(&fake, "a child is replaced"));
    close_children();
}

static void a_banner_is_not_taken_for_an_answer(void **state)
{
    (void) state;
    OPEN(COMMAND("lines-banner"), LINES);
    int32_t outcome = run("{\"outcome\":\"done\"}");
    /* It came after the job was written (then it is what was answered), or before (then no child
     * had the job). */
    assert_true(outcome == DUEQ_RETRY || outcome == DUEQ_SNOOZE);
    assert_non_null(strstr(outcome == DUEQ_RETRY ? job.message : fake.log, "Welcome!"));
    close_children();
}

static void a_child_that_ends_after_an_answer_costs_no_job_an_attempt(void **state)
{
    (void) state;
    OPEN(COMMAND("lines"), LINES, { "children", "1", NULL });
    for (int i = 0; i < 50; i++)
        assert_int_equal(run("!answer-and-exit"), DUEQ_DONE);
    assert_int_equal(run("{\"outcome\":\"done\"}"), DUEQ_DONE);
    assert_false(fake_logged(&fake, "<4>"));
    close_children();
}

static void a_child_that_was_killed_while_it_had_nothing_to_do_is_replaced(void **state)
{
    (void) state;
    OPEN(COMMAND("lines"), LINES, { "children", "1", NULL });
    uint64_t pid = ask("!pid");
    kill((pid_t) pid, SIGKILL);
    assert_int_equal(run("{\"outcome\":\"done\"}"), DUEQ_DONE);
    assert_int_not_equal(ask("!pid"), pid);
    close_children();
}

static void a_child_that_answers_before_it_has_read_all_is_replaced(void **state)
{
    size_t len = 1 << 20;
    char *payload = malloc(len);
    (void) state;

    memset(payload, 'x', len);
    OPEN(COMMAND("lines-deaf"), LINES, { "children", "1", NULL });
    for (int i = 0; i < 2; i++) {
        fake_job_init(&job, payload, len);
        assert_int_equal(fake_run(&fake, &job), DUEQ_DONE);
    }
    free(payload);
    close_children();
}

static void a_payload_of_16_mib_with_nuls_comes_through(void **state)
{
    static const char answer[] = "{\"outcome\":\"done\"}";
    size_t len = 16 << 20;
    char *payload = malloc(len);
    (void) state;

    /* the fixture's answer is the payload up to its first NUL */
    memset(payload, '\0', len);
    memcpy(payload, answer, strlen(answer));
    OPEN(COMMAND("lines"), LINES);
    fake_job_init(&job, payload, len);
    job.job.timeout_us = 0;
    assert_int_equal(fake_run(&fake, &job), DUEQ_DONE);
    fake_job_init(&job, payload, len - 1);
    payload[len - 1] = '\xff';
    assert_int_equal(fake_run(&fake, &job), DUEQ_DONE);
    fake_job_init(&job, payload, len);
    assert_int_equal(fake_run(&fake, &job), DUEQ_DEAD);
    assert_non_null(strstr(job.message, "not UTF-8"));
    free(payload);
    close_children();
}

static void children_are_retired_after_max_jobs(void **state)
{
    (void) state;
    OPEN(COMMAND("lines"), LINES, { "children", "2", NULL }, { "max_jobs", "3", NULL });
    for (int i = 0; i < 30; i++)
        assert_in_range(ask("!jobs"), 1, 3);
    assert_false(fake_logged(&fake, "<4>"));
    close_children();
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
    close_children();
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
    close_children();
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
    close_children();
}

static void closing_ends_children_that_heed_neither_eof_nor_sigterm(void **state)
{
    (void) state;
    OPEN(COMMAND("lines-stubborn"), LINES, { "kill_after", "10ms", NULL });
    uint64_t pid = ask("!pid");
    close_children();
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
    close_children();
}

static void the_pause_grows_while_starts_fail(void **state)
{
    const char *file = scratch("growing");
    (void) state;

    OPEN(COMMAND("lines-die-unless", file), LINES, { "restart_delay", "10ms", NULL });
    eventually(run("x") == DUEQ_SNOOZE && fake_logged(&fake, "next start in 0.1 s"));
    eventually(run("x") == DUEQ_SNOOZE && fake_logged(&fake, "next start in 0.4 s"));
    close_children();
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
    close_children();
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
    close_children();
}

/* ---- stderr ---- */

static void what_children_say_on_stderr_is_logged_and_limited(void **state)
{
    (void) state;
    OPEN(COMMAND("lines"), LINES, { "children", "1", NULL });
    assert_int_equal(run("!stderr 2"), DUEQ_DONE);
    eventually(fake_logged(&fake, "<6>line 2 pid=") && fake_logged(&fake, "<6>line 1 pid="));
    assert_int_equal(run("!stderr 5000"), DUEQ_DONE);
    close_children();
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
    close_children();
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
    close_children();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_child_answers_with_any_outcome),
        cmocka_unit_test(a_child_is_told_all_about_the_job),
        cmocka_unit_test(one_child_serves_job_after_job),
        cmocka_unit_test(
            a_crash_is_a_retry_with_its_signal_and_last_words_and_the_child_is_replaced),
        cmocka_unit_test(an_exit_before_the_answer_is_a_retry_whatever_its_status),
        cmocka_unit_test(a_line_that_is_no_answer_is_shown_and_costs_the_child),
        cmocka_unit_test(an_answer_without_end_is_cut_off),
        cmocka_unit_test(a_line_too_many_costs_the_child_and_not_the_job),
        cmocka_unit_test(a_banner_is_not_taken_for_an_answer),
        cmocka_unit_test(a_child_that_ends_after_an_answer_costs_no_job_an_attempt),
        cmocka_unit_test(a_child_that_was_killed_while_it_had_nothing_to_do_is_replaced),
        cmocka_unit_test(a_child_that_answers_before_it_has_read_all_is_replaced),
        cmocka_unit_test(a_payload_of_16_mib_with_nuls_comes_through),
        cmocka_unit_test(children_are_retired_after_max_jobs),
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
