#include "produce.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "database.h"
#include "process_cpu.h"

struct produce {
    long producers, jobs, rows, bytes;
    const char *kind;
    char *payload;
    atomic_long begun; /* jobs that a producer has taken upon itself */
};

struct producer {
    pthread_t thread;
    struct produce *produce;
    MYSQL *mysql;
};

static void append_insert(struct buffer *sql, const struct produce *produce, long rows)
{
    buffer_append_text(sql, "INSERT INTO dueq_job (kind, payload) VALUES ");
    for (long i = 0; i < rows; i++) {
        buffer_append_format(sql, "%s('%s','", i ? "," : "", produce->kind);
        buffer_append(sql, produce->payload, (size_t) produce->bytes);
        buffer_append_text(sql, "')");
    }
}

static void *insert(void *arg)
{
    struct producer *producer = arg;
    struct produce *produce = producer->produce;
    struct buffer sql = { 0 };
    long begun;

    while ((begun = atomic_fetch_add(&produce->begun, produce->rows)) < produce->jobs) {
        long left = produce->jobs - begun;
        append_insert(&sql, produce, left < produce->rows ? left : produce->rows);
        database_execute_buffer(producer->mysql, &sql);
    }
    buffer_done(&sql);
    mysql_thread_end();
    return NULL;
}

static void run_producers(struct produce *produce)
{
    struct producer *producers = calloc((size_t) produce->producers, sizeof *producers);
    long server_pid = database_server_pid();

    if (!producers)
        abort();
    for (long i = 0; i < produce->producers; i++)
        producers[i] = (struct producer){ .produce = produce, .mysql = database_connect() };
    int64_t begin_us = clock_wall_us();
    int64_t server_ns = process_cpu_ns(server_pid), own_ns = process_cpu_ns(0);
    for (long i = 0; i < produce->producers; i++)
        if (pthread_create(&producers[i].thread, NULL, insert, &producers[i]) != 0)
            abort();
    for (long i = 0; i < produce->producers; i++)
        pthread_join(producers[i].thread, NULL);
    printf("jobs %ld\nbegin_us %lld\nseconds %.4f\nserver_cpu_us %lld\ncpu_us %lld\n",
           produce->jobs, (long long) begin_us, (double) (clock_wall_us() - begin_us) / 1e6,
           (long long) (process_cpu_ns(server_pid) - server_ns) / 1000,
           (long long) (process_cpu_ns(0) - own_ns) / 1000);
    for (long i = 0; i < produce->producers; i++)
        mysql_close(producers[i].mysql);
    free(producers);
}

int produce_command(struct arguments *arguments)
{
    struct produce produce = {
        .producers = arguments_number(arguments, "--producers", 2),
        .jobs = arguments_number(arguments, "--jobs", 100000),
        .rows = arguments_number(arguments, "--rows", 100),
        .bytes = arguments_number(arguments, "--bytes", 230),
        .kind = arguments_text(arguments, "--kind", "noop"),
    };
    arguments_done(arguments);
    produce.payload = malloc((size_t) produce.bytes + 1);
    if (!produce.payload)
        abort();
    memset(produce.payload, 'x', (size_t) produce.bytes);
    run_producers(&produce);
    free(produce.payload);
    return 0;
}
