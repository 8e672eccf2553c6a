/* What tests/bench/run measures with: each command is one step of it, on the database that the
 * environment names (DUEQ_TEST_SOCKET, BENCH_DATABASE), as root.
 *
 *   bench fill JOBS BYTES DELAY_MS     inserts jobs of kind "noop", all due at one instant DELAY_MS
 * from the start bench floor THREADS BATCH          drains them with raw SQL under leases, no
 * daemon: prints "jobs seconds" bench wait JOBS                    waits until the table is empty:
 * prints "jobs seconds", counted from their due time
 *
 * The floor is the same SQL that the daemon sends: a claim is one locking SELECT and one UPDATE, a
 * settle one fenced DELETE, a transaction each, over lists that drive the statements. */
#include <mysql.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "statements.h"

static MYSQL *connect_database(void)
{
    MYSQL *mysql = mysql_init(NULL);
    if (!mysql_real_connect(mysql, "localhost", "root", "", getenv("BENCH_DATABASE"), 0,
                            getenv("DUEQ_TEST_SOCKET"), CLIENT_FOUND_ROWS)) {
        fprintf(stderr, "bench: %s\n", mysql_error(mysql));
        exit(1);
    }
    return mysql;
}

static MYSQL_RES *run(MYSQL *mysql, const char *sql, size_t len)
{
    if (mysql_real_query(mysql, sql, (unsigned long) len) != 0) {
        fprintf(stderr, "bench: %s in %.200s\n", mysql_error(mysql), sql);
        exit(1);
    }
    return mysql_store_result(mysql);
}

static void execute(MYSQL *mysql, const char *sql)
{
    mysql_free_result(run(mysql, sql, strlen(sql)));
}

static double number(MYSQL *mysql, const char *sql)
{
    MYSQL_RES *result = run(mysql, sql, strlen(sql));
    MYSQL_ROW row = mysql_fetch_row(result);
    double value = row && row[0] ? atof(row[0]) : 0;
    mysql_free_result(result);
    return value;
}

static double now_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double) now.tv_sec + (double) now.tv_nsec / 1e9;
}

static int fill(long jobs, long bytes, long delay_ms)
{
    enum { ROWS = 500 };
    MYSQL *mysql = connect_database();
    char due[64], *sql = malloc((size_t) ROWS * (size_t) (bytes + 100) + 200);
    long left = jobs;

    snprintf(due, sizeof due, "SET @due = NOW(6) + INTERVAL %ld MICROSECOND", delay_ms * 1000);
    execute(mysql, due);
    execute(mysql, "CREATE TABLE IF NOT EXISTS bench_due (due TIMESTAMP(6) NOT NULL DEFAULT "
                   "CURRENT_TIMESTAMP(6))");
    execute(mysql, "DELETE FROM bench_due");
    execute(mysql, "INSERT INTO bench_due VALUES (@due)");
    while (left > 0) {
        long rows = left < ROWS ? left : ROWS;
        size_t len = (size_t) sprintf(sql,
                                      "INSERT INTO dueq_job (kind, payload, next_run_at) VALUES ");
        for (long i = 0; i < rows; i++) {
            len += (size_t) sprintf(sql + len, "%s('noop', '", i ? "," : "");
            memset(sql + len, 'x', (size_t) bytes);
            len += (size_t) bytes;
            len += (size_t) sprintf(sql + len, "', @due)");
        }
        mysql_free_result(run(mysql, sql, len));
        left -= rows;
    }
    free(sql);
    mysql_close(mysql);
    return 0;
}

struct worker {
    pthread_t thread;
    long batch;
    long done;
    unsigned long token;
};

static void list_of(char *list, const uint64_t *ids, long count, unsigned long token)
{
    size_t len = 0;
    for (long i = 0; i < count; i++)
        len += (size_t) sprintf(list + len, token ? "%s[%llu,%lu,1]" : "%s[%llu]", i ? "," : "[",
                                (unsigned long long) ids[i], token);
    sprintf(list + len, "]");
}

static long claim(struct worker *worker, MYSQL *mysql, uint64_t *ids, char *list, char *sql)
{
    int len = sprintf(
        sql,
        "SELECT id, kind, payload, headers, state, attempts, max_attempts, retry, lease, "
        "unique_key,"
        " created_at, next_run_at FROM dueq_job FORCE INDEX (due) WHERE queue = 'default'"
        " AND priority = 5 AND next_run_at <= NOW(6) ORDER BY next_run_at, id LIMIT %ld"
        " FOR UPDATE SKIP LOCKED",
        worker->batch);
    long count = 0;
    MYSQL_ROW row;

    execute(mysql, "START TRANSACTION");
    MYSQL_RES *result = run(mysql, sql, (size_t) len);
    while ((row = mysql_fetch_row(result)))
        ids[count++] = strtoull(row[0], NULL, 10);
    mysql_free_result(result);
    if (count > 0) {
        list_of(list, ids, count, 0);
        len = sprintf(sql,
                      "UPDATE JSON_TABLE('%s', '$[*]' COLUMNS (id BIGINT UNSIGNED PATH '$[0]')) t "
                      "STRAIGHT_JOIN"
                      " dueq_job j FORCE INDEX (PRIMARY) ON j.id = t.id SET j.lease = %lu, "
                      "j.attempts = j.attempts"
                      " + 1, j.next_run_at = NOW(6) + INTERVAL 60 SECOND",
                      list, worker->token);
        run(mysql, sql, (size_t) len);
    }
    execute(mysql, "COMMIT");
    return count;
}

static void settle(struct worker *worker, MYSQL *mysql, const uint64_t *ids, long count, char *list,
                   char *sql)
{
    list_of(list, ids, count, worker->token);
    int len = sprintf(
        sql,
        "DELETE j FROM JSON_TABLE('%s', '$[*]' COLUMNS (id BIGINT UNSIGNED PATH '$[0]', lease "
        "BIGINT"
        " UNSIGNED PATH '$[1]', attempt INT PATH '$[2]')) t STRAIGHT_JOIN dueq_job j FORCE INDEX"
        " (PRIMARY) ON j.id = t.id WHERE j.lease = t.lease AND j.attempts = t.attempt",
        list);
    execute(mysql, "START TRANSACTION");
    run(mysql, sql, (size_t) len);
    worker->done += (long) mysql_affected_rows(mysql);
    execute(mysql, "COMMIT");
}

static void *drain(void *arg)
{
    struct worker *worker = arg;
    MYSQL *mysql = connect_database();
    uint64_t *ids = calloc((size_t) worker->batch, sizeof *ids);
    char *list = malloc((size_t) worker->batch * 64 + 16),
         *sql = malloc((size_t) worker->batch * 64 + 4096);
    long count;

    execute(mysql, "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED");
    while ((count = claim(worker, mysql, ids, list, sql)) > 0) {
        settle(worker, mysql, ids, count, list, sql);
        worker->token += 2;
    }
    free(ids);
    free(list);
    free(sql);
    mysql_close(mysql);
    mysql_thread_end();
    return NULL;
}

static int floor_rate(long threads, long batch)
{
    struct worker *workers = calloc((size_t) threads, sizeof *workers);
    double begin_s = now_s();
    long done = 0;

    for (long i = 0; i < threads; i++) {
        workers[i].batch = batch;
        workers[i].token = (unsigned long) (1000000 * (i + 1));
        pthread_create(&workers[i].thread, NULL, drain, &workers[i]);
    }
    for (long i = 0; i < threads; i++) {
        pthread_join(workers[i].thread, NULL);
        done += workers[i].done;
    }
    printf("%ld %.3f\n", done, now_s() - begin_s);
    free(workers);
    return 0;
}

/* By the database's clock, from the instant at which the jobs fell due. */
static int wait_empty(long jobs)
{
    MYSQL *mysql = connect_database();
    double due_s = number(mysql, "SELECT UNIX_TIMESTAMP(due) FROM bench_due");
    const struct timespec pause = { .tv_nsec = 10000000 };

    while (number(mysql, "SELECT EXISTS(SELECT 1 FROM dueq_job LIMIT 1)") > 0)
        nanosleep(&pause, NULL);
    printf("%ld %.3f\n", jobs, number(mysql, "SELECT UNIX_TIMESTAMP(NOW(6))") - due_s);
    mysql_close(mysql);
    return 0;
}

static int print_sql(const char *sql)
{
    MYSQL *mysql = connect_database();
    MYSQL_RES *result = run(mysql, sql, strlen(sql));
    MYSQL_ROW row = result ? mysql_fetch_row(result) : NULL;
    if (row)
        puts(row[0] ? row[0] : "NULL");
    mysql_free_result(result);
    mysql_close(mysql);
    return 0;
}

int main(int argc, char **argv)
{
    const char *command = argc > 1 ? argv[1] : "";

    mysql_library_init(0, NULL, NULL);
    if (strcmp(command, "fill") == 0 && argc == 5)
        return fill(atol(argv[2]), atol(argv[3]), atol(argv[4]));
    if (strcmp(command, "floor") == 0 && argc == 4)
        return floor_rate(atol(argv[2]), atol(argv[3]));
    if (strcmp(command, "wait") == 0 && argc == 3)
        return wait_empty(atol(argv[2]));
    if (strcmp(command, "sql") == 0 && argc == 3)
        return print_sql(argv[2]);
    if (strcmp(command, "statements") == 0) {
        struct arguments arguments;
        arguments_init(&arguments, argc - 2, argv + 2);
        return statements_command(&arguments);
    }
    fprintf(stderr, "usage: bench fill JOBS BYTES DELAY_MS | floor THREADS BATCH | wait JOBS | sql "
                    "STATEMENT\n");
    return 64;
}
