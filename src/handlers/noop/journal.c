#include "journal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int journal_open(const struct dueq_host *host, const struct dueq_options *options, const char *name,
                 int *ret_fd)
{
    int fd = -1;
    const char *file = host->option_string(options, name, NULL);
    if (file && (fd = open(file, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644)) < 0) {
        host->option_error(options, name, "%s: %s", file, strerror(errno));
        return -1;
    }
    *ret_fd = fd;
    return 0;
}

void journal_close(int fd)
{
    if (fd >= 0)
        close(fd);
}

int journal_write(int fd, const struct dueq_job *job)
{
    if (fd < 0)
        return 0;
    char line[256];
    int len = snprintf(line, sizeof line, "%s %u %ld\n", job->message_id, job->attempt,
                       (long) getpid());
    ssize_t written = write(fd, line, (size_t) len); /* one call, so that lines do not mix */
    if (written == len)
        return 0;
    return written < 0 ? -errno : -ENOSPC;
}
