#include "ledger_file.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "directory.h"
#include "fail.h"
#include "remains.h"

/* What one process leaves for another in the state directory. */

#define SOURCE "3f6c0000-0000-0000-0000-000000000001"
#define OTHER "3f6c0000-0000-0000-0000-000000000002"

static struct ledger_file *open_new(const char *directory)
{
    struct error error = { "" };
    struct ledger_file *file = NULL;
    if (ledger_file_new(directory, "host:1", &file, &error) != 0)
        test_fail("%s", error.text);
    return file;
}

static struct ledger_file *take(const char *directory)
{
    struct error error = { "" };
    struct ledger_file *file = NULL;
    if (ledger_file_take(directory, &file, &error) != 0)
        test_fail("%s", error.text);
    return file;
}

static struct remains_store *store_of(const char *directory)
{
    struct error error = { "" };
    struct remains_store *store = NULL;
    if (remains_new(directory, &store, &error) != 0)
        test_fail("%s", error.text);
    return store;
}

/* A daemon that dies at once, with a worker of each source, a job of the first and two leases. */
static void leave_remains(const char *directory)
{
    pid_t child = fork();
    if (child == 0) {
        struct ledger_file *file = open_new(directory);
        struct ledger_entry *entries = ledger_file_entries(file);
        struct ledger_lease *leases = ledger_file_leases(file);
        entries[3].worker_id = 7;
        snprintf(entries[3].source_id, sizeof entries[3].source_id, SOURCE);
        entries[3].state = LEDGER_WORKER;
        snprintf(entries[4].source_id, sizeof entries[4].source_id, OTHER);
        entries[4].state = LEDGER_WORKER;
        entries[9].job_id = 812;
        snprintf(entries[9].source_id, sizeof entries[9].source_id, SOURCE);
        memset(entries[9].kind, 'k', sizeof entries[9].kind); /* without its end */
        entries[9].signal = 11;
        entries[9].state = LEDGER_JOB;
        leases[0] = (struct ledger_lease){ .job_id = 1, .worker = 3, .state = LEDGER_WAITING };
        leases[1] = (struct ledger_lease){ .job_id = 2, .worker = 4, .state = LEDGER_BEGUN };
        leases[2] = (struct ledger_lease){ .job_id = 3, .worker = 999999, .state = LEDGER_BEGUN };
        ledger_file_crash(file)->signal = 11;
        ledger_file_crash(file)->attributed = 1;
        _exit(0);
    }
    waitpid(child, NULL, 0);
}

static void a_living_daemons_file_is_left_alone_and_a_dead_ones_is_taken_once(void **state)
{
    (void) state;
    const char *directory = test_directory_new();
    struct ledger_file *own = open_new(directory);
    assert_null(take(directory));
    leave_remains(directory);
    struct ledger_file *taken = take(directory);
    assert_non_null(taken);
    assert_string_equal(ledger_file_worker(taken), "host:1");
    assert_null(take(directory));
    ledger_file_free(taken); /* it stays */
    taken = take(directory);
    assert_non_null(taken);
    ledger_file_remove(taken);
    assert_null(take(directory));
    ledger_file_remove(own);
}

static void what_is_no_ledger_is_removed_and_passed_over(void **state)
{
    (void) state;
    const char *directory = test_directory_new();
    char path[512];
    snprintf(path, sizeof path, "%s/ledger-short", directory);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs("dueqled1", file);
    fclose(file);
    assert_null(take(directory));
    assert_int_not_equal(access(path, F_OK), 0);
}

static void each_source_sees_to_its_part_and_the_last_removes_the_file(void **state)
{
    (void) state;
    const char *directory = test_directory_new();
    leave_remains(directory);
    struct remains_store *store = store_of(directory);
    assert_null(remains_find(store, "3f6c0000-0000-0000-0000-000000000003"));

    struct remains *remains = remains_find(store, SOURCE);
    assert_non_null(remains);
    assert_int_equal(remains->signal, 11);
    assert_true(remains->attributed);
    assert_int_equal(remains->worker_count, 1);
    assert_int_equal(remains->workers[0].worker_id, 7);
    assert_int_equal(remains->job_count, 1);
    assert_int_equal(strlen(remains->jobs[0].kind), LEDGER_NAME_SIZE - 1);
    assert_int_equal(remains->lease_count, 1);
    assert_int_equal(remains->leases[0].job_id, 1);
    remains_forget(store, remains);
    remains_release(remains);
    assert_null(remains_find(store, SOURCE));

    remains = remains_find(store, OTHER);
    assert_non_null(remains);
    assert_true(remains->attributed); /* to a job elsewhere */
    assert_int_equal(remains->lease_count, 1);
    assert_int_equal(remains->leases[0].job_id, 2);
    remains_forget(store, remains);
    remains_release(remains);
    remains_free(store);
    assert_null(take(directory));
}

static void what_is_not_dealt_with_is_there_for_the_next_daemon(void **state)
{
    (void) state;
    const char *directory = test_directory_new();
    leave_remains(directory);
    remains_free(store_of(directory));
    struct remains_store *store = store_of(directory);
    struct remains *remains = remains_find(store, SOURCE);
    assert_non_null(remains);
    remains_release(remains);
    remains_free(store);
}

static void a_daemon_that_never_reached_a_database_leaves_nothing(void **state)
{
    (void) state;
    const char *directory = test_directory_new();
    ledger_file_free(open_new(directory));
    remains_free(store_of(directory));
    assert_null(take(directory));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_living_daemons_file_is_left_alone_and_a_dead_ones_is_taken_once),
        cmocka_unit_test(what_is_no_ledger_is_removed_and_passed_over),
        cmocka_unit_test(each_source_sees_to_its_part_and_the_last_removes_the_file),
        cmocka_unit_test(what_is_not_dealt_with_is_there_for_the_next_daemon),
        cmocka_unit_test(a_daemon_that_never_reached_a_database_leaves_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
