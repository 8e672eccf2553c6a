#include "idle.h"

#include <stdio.h>
#include <time.h>

#include "clock.h"
#include "database.h"
#include "process_cpu.h"

int idle_command(struct arguments *arguments)
{
    long seconds = arguments_number(arguments, "--seconds", 10);
    long pid = arguments_number(arguments, "--pid", 0);
    arguments_done(arguments);

    MYSQL *mysql = database_connect();
    long before = database_questions(mysql);
    int64_t begin_us = clock_now_us(), cpu_ns = process_cpu_ns(pid);
    nanosleep(&(struct timespec){ .tv_sec = seconds }, NULL);
    double elapsed_s = (double) (clock_now_us() - begin_us) / 1e6;
    double cpu_s = (double) (process_cpu_ns(pid) - cpu_ns) / 1e9;
    long after = database_questions(mysql); /* counts itself, and the one before does not */
    printf("per_second %.3f\ncpu_percent %.3f\n", (double) (after - before - 1) / elapsed_s,
           100 * cpu_s / elapsed_s);
    mysql_close(mysql);
    return 0;
}
