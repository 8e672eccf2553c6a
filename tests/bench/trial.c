#include "trial.h"

#include <stdio.h>
#include <time.h>

#include "process_cpu.h"

static int64_t wall_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

void trial_begin(struct trial *trial, long server_pid)
{
    trial->begin_server_ns = process_cpu_ns(server_pid);
    trial->begin_wall_ns = wall_ns();
}

void trial_end(struct trial *trial, long server_pid, long rows)
{
    trial->wall_ns += wall_ns() - trial->begin_wall_ns;
    trial->server_ns += process_cpu_ns(server_pid) - trial->begin_server_ns;
    trial->rows += rows;
}

void trial_print_head(const char *title)
{
    printf("\n%-62s %9s %10s %7s %8s\n", title, "wall us", "server us", "ratio", "rows");
}

void trial_print(const struct trial *trials, long count)
{
    for (long i = 0; i < count; i++) {
        const struct trial *trial = &trials[i];
        double rows = trial->rows ? (double) trial->rows : 1;
        double base = (double) trials[0].wall_ns / (trials[0].rows ? (double) trials[0].rows : 1);
        double wall = (double) trial->wall_ns / rows;
        printf("%-62s %9.2f %10.2f %7.2f %8ld\n", trial->name, wall / 1e3,
               (double) trial->server_ns / rows / 1e3, base > 0 ? wall / base : 0, trial->rows);
    }
}
