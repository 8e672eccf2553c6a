#include "floor.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "clock.h"
#include "database.h"
#include "id_list.h"
#include "process_cpu.h"

#define JOIN_JOBS " STRAIGHT_JOIN dueq_job j FORCE INDEX (PRIMARY) ON j.id = t.id"

enum {
    PAUSE_US = 1000,               /* after a look that found nothing */
    STUCK_AFTER_US = 60 * 1000000, /* without a job: rows are missing that were promised */
    DATE_BYTES = 32,
};

struct floor {
    bool leases;
    long lanes, batch, jobs;
    int64_t due_us; /* by CLOCK_REALTIME, which is the server's clock, too; 0: at once */
    atomic_long done;
    atomic_llong progress_us; /* when `done` last grew */
};

struct floor_lane {
    pthread_t thread;
    struct floor *floor;
    MYSQL *mysql;
    uint64_t token;
    uint64_t *ids;
    char watermark[DATE_BYTES]; /* next_run_at of the last row it claimed; empty: unknown */
    struct buffer sql;
};

static long select_batch(struct floor_lane *lane)
{
    long count = 0;
    MYSQL_ROW row;

    buffer_append_text(&lane->sql, "SELECT id, kind, payload, headers, state, attempts,"
                                   " max_attempts, retry, lease, unique_key, created_at,"
                                   " next_run_at FROM dueq_job FORCE INDEX (due)"
                                   " WHERE queue = 'default' AND priority = 5 AND next_run_at ");
    if (*lane->watermark)
        buffer_append_format(&lane->sql, "BETWEEN '%s' AND NOW(6)", lane->watermark);
    else
        buffer_append_text(&lane->sql, "<= NOW(6)");
    buffer_append_format(&lane->sql, " ORDER BY next_run_at, id LIMIT %ld FOR UPDATE SKIP LOCKED",
                         lane->floor->batch);
    MYSQL_RES *result = database_query(lane->mysql, lane->sql.bytes, lane->sql.len);
    buffer_clear(&lane->sql);
    while ((row = mysql_fetch_row(result))) {
        lane->ids[count++] = strtoull(row[0], NULL, 10);
        snprintf(lane->watermark, sizeof lane->watermark, "%s", row[11]);
    }
    mysql_free_result(result);
    return count;
}

static void lease_batch(struct floor_lane *lane, long count)
{
    buffer_append_text(&lane->sql, "UPDATE ");
    id_list_append_table(&lane->sql, lane->ids, (size_t) count);
    buffer_append_format(&lane->sql,
                         JOIN_JOBS " SET j.lease = %llu, j.attempts = j.attempts + 1,"
                                   " j.next_run_at = NOW(6) + INTERVAL 60 SECOND",
                         (unsigned long long) lane->token);
    database_execute_buffer(lane->mysql, &lane->sql);
    database_execute(lane->mysql, "COMMIT");
    database_execute(lane->mysql, "START TRANSACTION");
}

static long delete_batch(struct floor_lane *lane, long count)
{
    buffer_append_text(&lane->sql, "DELETE j FROM ");
    if (lane->floor->leases) {
        id_list_append_fences(&lane->sql, lane->ids, (size_t) count, lane->token++, 1);
        buffer_append_text(&lane->sql,
                           JOIN_JOBS " WHERE j.lease = t.lease AND j.attempts = t.attempt");
    } else {
        id_list_append_table(&lane->sql, lane->ids, (size_t) count);
        buffer_append_text(&lane->sql, JOIN_JOBS);
    }
    database_execute_buffer(lane->mysql, &lane->sql);
    return (long) mysql_affected_rows(lane->mysql);
}

static long drain_batch(struct floor_lane *lane)
{
    long done = 0;

    database_execute(lane->mysql, "START TRANSACTION");
    long count = select_batch(lane);
    if (count > 0 && lane->floor->leases)
        lease_batch(lane, count);
    if (count > 0)
        done = delete_batch(lane, count);
    database_execute(lane->mysql, "COMMIT");
    return done;
}

static void *drain(void *arg)
{
    struct floor_lane *lane = arg;
    struct floor *floor = lane->floor;

    while (atomic_load(&floor->done) < floor->jobs) {
        long done = drain_batch(lane);
        atomic_fetch_add(&floor->done, done);
        if (done > 0) {
            atomic_store(&floor->progress_us, clock_now_us());
            continue;
        }
        *lane->watermark = '\0';
        if (clock_now_us() - atomic_load(&floor->progress_us) > STUCK_AFTER_US) {
            fprintf(stderr, "bench: %ld of %ld jobs are missing\n",
                    floor->jobs - atomic_load(&floor->done), floor->jobs);
            exit(1);
        }
        nanosleep(&(struct timespec){ .tv_nsec = PAUSE_US * 1000L }, NULL);
    }
    mysql_thread_end();
    return NULL;
}

static void lane_init(struct floor_lane *lane, struct floor *floor, long number)
{
    *lane = (struct floor_lane){ .floor = floor, .mysql = database_connect_lane() };
    lane->token = ((uint64_t) number + 1) << 32;
    lane->ids = calloc((size_t) floor->batch, sizeof *lane->ids);
    if (!lane->ids)
        abort();
}

static void lane_done(struct floor_lane *lane)
{
    mysql_close(lane->mysql);
    buffer_done(&lane->sql);
    free(lane->ids);
}

static void wait_until(int64_t wall_us)
{
    int64_t rest_us = wall_us - clock_wall_us();
    if (rest_us > 0) {
        struct timespec rest = clock_timespec(rest_us);
        nanosleep(&rest, NULL);
    }
}

static void run_floor(struct floor *floor)
{
    struct floor_lane *lanes = calloc((size_t) floor->lanes, sizeof *lanes);
    long server_pid = database_server_pid();

    if (!lanes)
        abort();
    for (long i = 0; i < floor->lanes; i++)
        lane_init(&lanes[i], floor, i);
    wait_until(floor->due_us);
    long questions = database_questions(lanes[0].mysql);
    int64_t begin_us = clock_wall_us();
    int64_t server_ns = process_cpu_ns(server_pid), own_ns = process_cpu_ns(0);
    if (floor->due_us)
        begin_us = floor->due_us;
    atomic_store(&floor->progress_us, clock_now_us());
    for (long i = 0; i < floor->lanes; i++)
        if (pthread_create(&lanes[i].thread, NULL, drain, &lanes[i]) != 0)
            abort();
    for (long i = 0; i < floor->lanes; i++)
        pthread_join(lanes[i].thread, NULL);
    int64_t end_us = clock_wall_us();
    server_ns = process_cpu_ns(server_pid) - server_ns;
    own_ns = process_cpu_ns(0) - own_ns;
    questions = database_questions(lanes[0].mysql) - questions - 1; /* without the look itself */
    printf("jobs %ld\nseconds %.4f\nend_us %lld\nserver_cpu_us %lld\ncpu_us %lld\n"
           "statements %ld\n",
           atomic_load(&floor->done), (double) (end_us - begin_us) / 1e6, (long long) end_us,
           (long long) server_ns / 1000, (long long) own_ns / 1000, questions);
    for (long i = 0; i < floor->lanes; i++)
        lane_done(&lanes[i]);
    free(lanes);
}

int floor_command(struct arguments *arguments)
{
    const char *mode = arguments_text(arguments, "--mode", "hold");
    struct floor floor = {
        .leases = strcmp(mode, "lease") == 0,
        .lanes = arguments_number(arguments, "--lanes", 2),
        .batch = arguments_number(arguments, "--batch", 1000),
        .jobs = arguments_number(arguments, "--jobs", 100000),
        .due_us = arguments_number(arguments, "--due-us", 0),
    };
    arguments_done(arguments);
    run_floor(&floor);
    return 0;
}
