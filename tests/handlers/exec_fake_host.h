#pragma once

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "dueq_handler.h"

/* dueqd as the exec plugin sees it: options from a table, a log that is kept, jobs that are
 * cancelled when a test says so. Nothing here asserts but what says that it does. */

struct fake_option {
    const char *name;
    const char *text;         /* NULL: a list */
    const char *const *items; /* NULL-terminated */
};
#define FAKE_LIST(name, ...)                                                                       \
    {                                                                                              \
        name, NULL, (const char *const[])                                                          \
        {                                                                                          \
            __VA_ARGS__, NULL                                                                      \
        }                                                                                          \
    }

struct fake {
    struct dueq_host host;
    const struct fake_option *options;
    size_t option_count;
    char problem[1024]; /* what option_error or a check of a value said, "name: words" */
    void *instance;
    size_t descriptors; /* that were open before open() */

    pthread_mutex_t lock; /* of all below */
    char log[65536];
    size_t log_len;
};

/* open(); what it returned. The options are borrowed until fake_close. */
int fake_open(struct fake *fake, const struct fake_option *options, size_t option_count);
void fake_open_or_fail(struct fake *fake, const struct fake_option *options, size_t option_count);
/* After a successful fake_open. */
void fake_close(struct fake *fake);
/* Likewise, and asserts that whatever the test did, no descriptor and no process is left of it. */
void fake_close_clean(struct fake *fake);

bool fake_logged(struct fake *fake, const char *text);
unsigned fake_log_count(struct fake *fake, const char *text); /* how often it stands there */

struct fake_job {
    struct dueq_job job;
    struct dueq_result result;
    char message[65536];
    atomic_bool cancelled;
    atomic_uint asked; /* how often cancelled() was called */
};

/* id 7, attempt 2 of 20, timeout 30 s, no headers. payload is borrowed. */
void fake_job_init(struct fake_job *job, const char *payload, size_t len);
int32_t fake_run(struct fake *fake, struct fake_job *job);

/* One job with that payload, its message left in *job. */
int32_t fake_run_text(struct fake *fake, struct fake_job *job, const char *payload);

/* Asserts that the condition becomes true within 30 s, the limit against hanging. */
#define eventually(condition)                                                                      \
    do {                                                                                           \
        for (int left_ = 3000; !(condition); left_--) {                                            \
            if (left_ == 0)                                                                        \
                fail_msg("never came true: %s", #condition);                                       \
            nap();                                                                                 \
        }                                                                                          \
    } while (0)
void nap(void); /* 10 ms, between two looks at a condition */

/* A name in a directory of this program's own, which is removed at its end. Lives until the next
 * call but seven. */
const char *scratch(const char *name);
size_t file_size(const char *file); /* 0 where there is none */

/* What exec_fixture has written with write_pids; false while it is not there. */
bool read_pids(const char *file, pid_t pids[2]);

/* As in /proc/PID/stat; NUL: no such process. */
char process_state(pid_t pid);

/* No such process, or one that only waits to be collected. */
bool is_gone(pid_t pid);

size_t open_descriptors(void);
bool has_children(void); /* of this process: running, or zombies */

#define FIXTURE DUEQ_BINARY_DIR "/tests/handlers/exec_fixture"
