#include "process_cpu.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

int64_t process_cpu_ns(long pid)
{
    clockid_t clock;
    struct timespec used;
    if (clock_getcpuclockid((pid_t) pid, &clock) != 0 || clock_gettime(clock, &used) != 0) {
        fprintf(stderr, "bench: there is no process %ld to read the CPU time of\n", pid);
        exit(1);
    }
    return used.tv_sec * INT64_C(1000000000) + used.tv_nsec;
}
