#include "trial.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static clockid_t server_clock;

static int64_t now_ns(clockid_t clock)
{
    struct timespec now;
    if (clock_gettime(clock, &now) != 0) {
        fprintf(stderr, "bench: the server's CPU time cannot be read\n");
        exit(1);
    }
    return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

void trial_watch(long server_pid)
{
    if (clock_getcpuclockid((pid_t) server_pid, &server_clock) != 0) {
        fprintf(stderr, "bench: process %ld has no CPU clock\n", server_pid);
        exit(1);
    }
}

void trial_begin(struct trial *trial)
{
    trial->begin_server_ns = now_ns(server_clock);
    trial->begin_wall_ns = now_ns(CLOCK_MONOTONIC);
}

void trial_end(struct trial *trial, long rows)
{
    trial->wall_ns += now_ns(CLOCK_MONOTONIC) - trial->begin_wall_ns;
    trial->server_ns += now_ns(server_clock) - trial->begin_server_ns;
    trial->rows += rows;
}

void trial_print_head(const char *title)
{
    printf("\n%-58s %9s %10s %7s %8s\n", title, "wall us", "server us", "ratio", "rows");
}

void trial_print(const struct trial *trials, long count)
{
    for (long i = 0; i < count; i++) {
        const struct trial *trial = &trials[i];
        double rows = trial->rows ? (double) trial->rows : 1;
        double base = (double) trials[0].wall_ns / (trials[0].rows ? (double) trials[0].rows : 1);
        double wall = (double) trial->wall_ns / rows;
        printf("%-58s %9.2f %10.2f %7.2f %8ld\n", trial->name, wall / 1e3,
               (double) trial->server_ns / rows / 1e3, base > 0 ? wall / base : 0, trial->rows);
    }
}
