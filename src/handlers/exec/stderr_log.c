#include "stderr_log.h"

#include <string.h>

#include "text.h"

static void say_dropped(struct stderr_log *log, const struct dueq_host *host, pid_t pid)
{
    if (log->dropped)
        host->log(host, DUEQ_LOG_INFO, "%u more lines of a child's stderr were left out pid=%d",
                  log->dropped, (int) pid);
    log->dropped = 0;
}

static void end_line(struct stderr_log *log, const struct dueq_host *host, pid_t pid,
                     int64_t now_us)
{
    size_t len = log->len;

    log->len = 0;
    if (len && log->line[len - 1] == '\r')
        len--;
    if (now_us - log->second_us >= 1000000) {
        say_dropped(log, host, pid);
        log->second_us = now_us;
        log->logged = 0;
    }
    if (len && log->logged >= STDERR_LOG_LINES) {
        log->dropped++;
    } else if (len) {
        log->logged++;
        text_clean(log->line, len);
        host->log(host, DUEQ_LOG_INFO, "%.*s%s pid=%d", (int) len, log->line,
                  log->too_long ? "..." : "", (int) pid);
    }
    log->too_long = false;
}

void stderr_log_add(struct stderr_log *log, const struct dueq_host *host, pid_t pid,
                    const char *bytes, size_t len, int64_t now_us)
{
    while (len) {
        const char *newline = memchr(bytes, '\n', len);
        size_t part = newline ? (size_t) (newline - bytes) : len;
        size_t kept = part;

        if (kept > sizeof log->line - log->len) {
            kept = sizeof log->line - log->len;
            log->too_long = true;
        }
        memcpy(log->line + log->len, bytes, kept);
        log->len += kept;
        if (newline) {
            end_line(log, host, pid, now_us);
            part++;
        }
        bytes += part;
        len -= part;
    }
}

void stderr_log_end(struct stderr_log *log, const struct dueq_host *host, pid_t pid)
{
    if (log->len)
        end_line(log, host, pid, log->second_us);
    say_dropped(log, host, pid);
    *log = (struct stderr_log){ 0 };
}
