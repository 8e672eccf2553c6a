#include "drained.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "clock.h"
#include "database.h"
#include "process_cpu.h"

enum {
    LOOK_EVERY_US = 10000,
    STUCK_AFTER_US = 60 * 1000000,
};

static int64_t cpu_of(const char *pids)
{
    int64_t ns = 0;
    char *end;
    for (const char *text = pids; *text; text = *end ? end + 1 : end) {
        long pid = strtol(text, &end, 10);
        if (end == text)
            break;
        ns += process_cpu_ns(pid);
    }
    return ns;
}

static void pause_us(int64_t us)
{
    struct timespec rest = clock_timespec(us);
    if (us > 0)
        nanosleep(&rest, NULL);
}

static long own_statements; /* since the last look at database_questions */

/* The lowest id from `from` on that is still there; 0: none. Looking from there spares the server
 * the rows that are deleted but not purged: there may be all the others. */
static uint64_t lowest_left(MYSQL *mysql, uint64_t from)
{
    char sql[128];
    snprintf(sql, sizeof sql, "SELECT id FROM dueq_job WHERE id >= %llu ORDER BY id LIMIT 1",
             (unsigned long long) from);
    own_statements++;
    return (uint64_t) database_number(mysql, sql);
}

/* When it was empty, by the database's clock. */
static int64_t wait_empty(MYSQL *mysql, uint64_t first)
{
    uint64_t lowest = first;
    int64_t progress_us = clock_now_us();

    while (clock_now_us() - progress_us < STUCK_AFTER_US) {
        uint64_t left = lowest_left(mysql, lowest);
        if (!left) {
            int64_t empty_us = database_now_us(mysql);
            own_statements++;
            /* A transaction that committed late may have brought a lower one. */
            if (!(left = lowest_left(mysql, first)))
                return empty_us;
        }
        if (left != lowest)
            progress_us = clock_now_us();
        lowest = left;
        pause_us(LOOK_EVERY_US);
    }
    fprintf(stderr, "bench: the queue is not drained: job %llu is still there\n",
            (unsigned long long) lowest);
    exit(1);
}

int drained_command(struct arguments *arguments)
{
    long jobs = arguments_number(arguments, "--jobs", 0);
    int64_t from_us = arguments_number(arguments, "--from-us", 0);
    uint64_t first = (uint64_t) arguments_number(arguments, "--first-id", 0);
    const char *pids = arguments_text(arguments, "--pids", "");
    arguments_done(arguments);

    MYSQL *mysql = database_connect();
    long server_pid = database_server_pid();
    pause_us(from_us - database_now_us(mysql));
    long questions = database_questions(mysql);
    int64_t server_ns = process_cpu_ns(server_pid), daemon_ns = cpu_of(pids);
    own_statements = 1; /* the look itself */
    int64_t empty_us = wait_empty(mysql, first);
    server_ns = process_cpu_ns(server_pid) - server_ns;
    daemon_ns = cpu_of(pids) - daemon_ns;
    questions = database_questions(mysql) - questions - own_statements;
    printf("jobs %ld\nseconds %.4f\nserver_cpu_us %lld\ncpu_us %lld\nstatements %ld\n", jobs,
           (double) (empty_us - from_us) / 1e6, (long long) server_ns / 1000,
           (long long) daemon_ns / 1000, questions);
    mysql_close(mysql);
    return 0;
}
