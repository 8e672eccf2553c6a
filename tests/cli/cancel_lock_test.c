#include "job_control.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

#include "database.h"
#include "fail.h"
#include "sql.h"

/* A cancel takes the locks of a row in the order in which a producer does. */

enum { CANCELS = 400, PRODUCERS = 2 };

static struct test_database *database;
static _Atomic bool stop;
static _Atomic unsigned deadlocks;

static int set_up(void **state)
{
    (void) state;
    assert_int_equal(db_library_init(), 0);
    database = test_database_new();
    return 0;
}

static int tear_down(void **state)
{
    (void) state;
    test_database_free(database);
    return 0;
}

/* Inserts the same unique key over and over: a new row, or a job that is there already. */
static void *produce(void *arg)
{
    MYSQL *connection = arg;
    mysql_thread_init();
    while (!stop) {
        unsigned number = sql_try(
            connection, "START TRANSACTION; INSERT INTO dueq_job (kind, payload,"
                        " unique_key) VALUES ('k', '', 'the same') ON DUPLICATE KEY UPDATE"
                        " payload = VALUES(payload), lease = NULL; COMMIT");
        if (number != 0) {
            deadlocks++;
            sql_try(connection, "ROLLBACK");
        }
    }
    mysql_thread_end();
    return NULL;
}

static void a_producer_is_never_the_victim_of_a_cancel(void **state)
{
    (void) state;
    const struct db_options options = {
        .socket = database->server->socket,
        .database = database->name,
        .user = database->operator.user,
        .password = database->operator.password,
    };
    struct error error;
    struct db *db;
    pthread_t threads[PRODUCERS];
    MYSQL *connections[PRODUCERS];
    unsigned cancelled = 0;
    enum db_status status = db_open(&options, &db, &error);
    if (status != DB_OK)
        test_fail("%s", error.text);
    for (int i = 0; i < PRODUCERS; i++) {
        connections[i] = test_connect(database, &database->producer);
        assert_int_equal(pthread_create(&threads[i], NULL, produce, connections[i]), 0);
    }

    while (cancelled < CANCELS && (status == DB_OK || status == DB_RETRY)) {
        struct job_control_outcome outcome = { .result = JOB_CONTROL_MISSING };
        uint64_t id = 0;
        status = db_query_u64(db, "SELECT id FROM dueq_job WHERE unique_key = 'the same'", &id,
                              &error);
        if (status == DB_NO_ROW)
            status = DB_OK;
        else if (status == DB_OK)
            status = job_cancel(db, id, "x", &outcome, &error);
        cancelled += outcome.result == JOB_CONTROL_DONE;
    }
    stop = true;
    for (int i = 0; i < PRODUCERS; i++) {
        pthread_join(threads[i], NULL);
        mysql_close(connections[i]);
    }
    db_close(db);
    if (status != DB_OK && status != DB_RETRY)
        test_fail("%s", error.text);
    assert_int_equal(cancelled, CANCELS);
    assert_int_equal(deadlocks, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_producer_is_never_the_victim_of_a_cancel),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
