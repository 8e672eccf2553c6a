#include "arrivals.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "clock.h"
#include "database.h"

static void insert_each(MYSQL *mysql, FILE *file, struct buffer *insert, long jobs, double mean_us)
{
    for (long i = 0; i < jobs; i++) {
        struct timespec rest = clock_timespec((int64_t) (mean_us * (0.5 + drand48())));
        nanosleep(&rest, NULL);
        if (mysql_real_query(mysql, insert->bytes, (unsigned long) insert->len) != 0)
            database_fail(mysql, insert->bytes);
        int64_t returned_us = clock_wall_us();
        fprintf(file, "%llu %lld\n", (unsigned long long) mysql_insert_id(mysql),
                (long long) returned_us);
    }
}

int arrivals_command(struct arguments *arguments)
{
    long jobs = arguments_number(arguments, "--jobs", 400);
    long pause_ms = arguments_number(arguments, "--pause-ms", 50);
    long bytes = arguments_number(arguments, "--bytes", 230);
    const char *kind = arguments_text(arguments, "--kind", "stamp");
    const char *path = arguments_text(arguments, "--file", "/dev/null");
    arguments_done(arguments);

    MYSQL *mysql = database_connect();
    FILE *file = fopen(path, "w");
    struct buffer insert = { 0 };
    if (!file) {
        fprintf(stderr, "bench: %s cannot be written\n", path);
        return 1;
    }
    buffer_append_format(&insert, "INSERT INTO dueq_job (kind, payload) VALUES ('%s','", kind);
    for (long i = 0; i < bytes; i++)
        buffer_append_char(&insert, 'x');
    buffer_append_text(&insert, "')");
    srand48(clock_wall_us());
    insert_each(mysql, file, &insert, jobs, 1e3 * (double) pause_ms);
    buffer_done(&insert);
    mysql_close(mysql);
    return fclose(file) == 0 ? 0 : 1;
}
