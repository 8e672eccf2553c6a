#pragma once

#include <stdint.h>

/* One way of doing a thing, timed in pieces: what several ways cost, side by side. */
struct trial {
    const char *name;
    int64_t wall_ns;
    int64_t server_ns; /* the server's CPU time meanwhile, its background threads included */
    long rows;
    int64_t begin_wall_ns, begin_server_ns; /* between trial_begin and trial_end */
};

/* server_pid: whose CPU time is counted. */
void trial_begin(struct trial *trial, long server_pid);
void trial_end(struct trial *trial, long server_pid, long rows);

void trial_print_head(const char *title);
/* The first of them is what the others are compared with. */
void trial_print(const struct trial *trials, long count);
