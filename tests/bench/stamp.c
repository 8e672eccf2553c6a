/* stamp: notes when each run began, for tests/bench/run. Writes a line
 *
 *     id created_at_us due_at_us begin_us
 *
 * to the file that the option `file` names: the first three are the job's own, by the database's
 * clock, the last by CLOCK_REALTIME, which is the same clock where the server runs on this
 * machine. */

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "dueq_handler.h"

static int32_t stamp_run(void *instance, void *local, const struct dueq_job *job,
                         struct dueq_result *result)
{
    (void) local;
    char line[128];
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    int len = snprintf(line, sizeof line, "%" PRIu64 " %" PRId64 " %" PRId64 " %" PRId64 "\n",
                       job->id, job->created_at_us, job->due_at_us,
                       now.tv_sec * INT64_C(1000000) + now.tv_nsec / 1000);
    int fd = (int) (intptr_t) instance - 1;
    if (write(fd, line, (size_t) len) == len) /* one call, so that lines do not mix */
        return DUEQ_DONE;
    snprintf(result->message, result->message_size, "writing: %s", strerror(errno));
    return DUEQ_RETRY;
}

static int32_t stamp_open(const struct dueq_host *host, const struct dueq_options *options,
                          void **ret_instance)
{
    const char *file = host->option_string(options, "file", NULL);
    int fd = file ? open(file, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644) : -1;
    if (fd < 0) {
        host->option_error(options, "file", "%s: %s", file ? file : "no file given",
                           strerror(errno));
        return -1;
    }
    *ret_instance = (void *) (intptr_t) (fd + 1); /* NULL means none */
    return 0;
}

static void stamp_close(void *instance)
{
    close((int) (intptr_t) instance - 1);
}

DUEQ_EXPORT const struct dueq_handler dueq_handler = {
    .abi_major = DUEQ_ABI_MAJOR,
    .abi_minor = DUEQ_ABI_MINOR,
    .size = sizeof dueq_handler,
    .name = "stamp",
    .open = stamp_open,
    .close = stamp_close,
    .run = stamp_run,
};
