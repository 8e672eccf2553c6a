#include "fill.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "database.h"

enum {
    ROWS = 1000,           /* of one INSERT: 300 kB with the usual payload */
    SHORT_HISTORY = 100,   /* transactions: a server of ours that is idle stays below it */
    LOOKS_UNCHANGED = 20,  /* after so many looks at the same number it is as good as it gets */
    LOOK_EVERY_US = 50000, /* hence a second */
    MOST_LOOKS = 1200,     /* and a minute in all */
};

static int64_t due_of(const struct fill *fill, long i)
{
    if (!fill->random_us)
        return fill->due_us + i * fill->step_us;
    return fill->due_us + (int64_t) (drand48() * (double) fill->random_us);
}

static void append_row(struct buffer *sql, const struct fill *fill, long i, const char *payload)
{
    int64_t due_us = due_of(fill, i);

    buffer_append_format(sql, "%s('%s',FROM_UNIXTIME(%lld.%06lld),", i % ROWS ? "," : "",
                         fill->kind ? fill->kind : "noop", (long long) (due_us / 1000000),
                         (long long) (due_us % 1000000));
    if (fill->headers)
        buffer_append_format(sql, "'%s','", fill->headers);
    else
        buffer_append_text(sql, "NULL,'");
    buffer_append(sql, payload, (size_t) fill->bytes);
    buffer_append_text(sql, "')");
}

uint64_t fill_jobs(MYSQL *mysql, const struct fill *fill)
{
    struct buffer sql = { 0 };
    char *payload = malloc((size_t) fill->bytes + 1);
    uint64_t first = 0;

    if (!payload)
        abort();
    memset(payload, 'x', (size_t) fill->bytes);
    database_execute(mysql, fill->unlogged ? "SET sql_log_bin = 0" : "SET sql_log_bin = 1");
    for (long i = 0; i < fill->jobs; i++) {
        if (i % ROWS == 0)
            buffer_append_text(&sql, "INSERT INTO dueq_job (kind, next_run_at, headers, payload)"
                                     " VALUES ");
        append_row(&sql, fill, i, payload);
        if (i % ROWS == ROWS - 1 || i == fill->jobs - 1)
            database_execute_buffer(mysql, &sql);
        if (!first)
            first = mysql_insert_id(mysql);
    }
    database_execute(mysql, "SET sql_log_bin = 1");
    free(payload);
    buffer_done(&sql);
    return first;
}

void fill_wait_for_purge(MYSQL *mysql)
{
    double last = -1;
    int unchanged = 0;

    for (int looks = 0; looks < MOST_LOOKS && unchanged < LOOKS_UNCHANGED; looks++) {
        double history = database_number(mysql,
                                         "SELECT COUNT FROM information_schema.INNODB_METRICS"
                                         " WHERE NAME = 'trx_rseg_history_len'");
        if (history < SHORT_HISTORY)
            break;
        unchanged = history == last ? unchanged + 1 : 0;
        last = history;
        nanosleep(&(struct timespec){ .tv_nsec = LOOK_EVERY_US * 1000L }, NULL);
    }
}

void fill_empty(MYSQL *mysql)
{
    database_execute(mysql, "TRUNCATE TABLE dueq_job");
    fill_wait_for_purge(mysql);
}

int fill_command(struct arguments *arguments)
{
    struct fill fill = {
        .jobs = arguments_number(arguments, "--jobs", 100000),
        .bytes = arguments_number(arguments, "--bytes", 230),
        .kind = arguments_text(arguments, "--kind", NULL),
        .step_us = arguments_number(arguments, "--step-us", 1),
        .random_us = arguments_number(arguments, "--random-ms", 0) * 1000,
        .unlogged = arguments_flag(arguments, "--unlogged"),
    };
    int64_t in_us = arguments_number(arguments, "--in-ms", 0) * INT64_C(1000);
    arguments_done(arguments);

    MYSQL *mysql = database_connect();
    int64_t begin_us = database_now_us(mysql);
    fill.due_us = begin_us + in_us;
    srand48(begin_us);
    uint64_t first = fill_jobs(mysql, &fill);
    int64_t end_us = database_now_us(mysql);
    printf("first_id %llu\ndue_us %lld\nseconds %.3f\nspare_ms %lld\n", (unsigned long long) first,
           (long long) fill.due_us, (double) (end_us - begin_us) / 1e6,
           (long long) (fill.due_us - end_us) / 1000);
    mysql_close(mysql);
    return 0;
}

int fill_empty_command(struct arguments *arguments)
{
    arguments_done(arguments);
    MYSQL *mysql = database_connect();
    fill_empty(mysql);
    database_execute(mysql, "FLUSH BINARY LOGS");
    database_execute(mysql, "PURGE BINARY LOGS BEFORE NOW() + INTERVAL 1 DAY");
    mysql_close(mysql);
    return 0;
}

int fill_purged_command(struct arguments *arguments)
{
    arguments_done(arguments);
    MYSQL *mysql = database_connect();
    fill_wait_for_purge(mysql);
    mysql_close(mysql);
    return 0;
}
