#pragma once

#include <stdint.h>

/* The CPU time that a process has used so far, all its threads together: finer than the clock ticks
 * of /proc/PID/stat. Ends the program where there is no such process. */
int64_t process_cpu_ns(long pid);
