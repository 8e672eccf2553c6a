#include "log.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"
#include "utf8.h"

static _Atomic int threshold = LOG_LEVEL_INFO;

void log_set_level(enum log_level level)
{
    threshold = (int) level;
}

enum log_level log_get_level(void)
{
    return (enum log_level) threshold;
}

bool log_enabled(enum log_level level)
{
    return (int) level <= threshold;
}

static size_t write_prefix(char *line, size_t size, enum log_level level)
{
    int len;
    if (isatty(STDERR_FILENO)) {
        time_t now = (time_t) (clock_wall_us() / 1000000);
        struct tm local;
        char when[16] = "";
        localtime_r(&now, &local);
        strftime(when, sizeof when, "%H:%M:%S", &local);
        len = snprintf(line, size, "%s %s", when,
                       level <= LOG_LEVEL_ERROR     ? "error: "
                       : level == LOG_LEVEL_WARNING ? "warning: "
                                                    : "");
    } else {
        len = snprintf(line, size, "<%d>", (int) level);
    }
    return (size_t) len;
}

void log_write_v(enum log_level level, const char *format, va_list args)
{
    if (!log_enabled(level))
        return;

    char text[2048];
    vsnprintf(text, sizeof text, format, args);

    char line[sizeof text * 4 + 64]; /* each byte may become \xNN */
    size_t len = write_prefix(line, sizeof line, level);
    for (const char *c = text, *end = text + strlen(text); c < end;) {
        size_t taken = utf8_character(c, (size_t) (end - c));
        if (taken == 0 || (unsigned char) *c < 0x20 || *c == 0x7f) {
            len += (size_t) snprintf(line + len, sizeof line - len, "\\x%02x", (unsigned char) *c);
            c++;
        } else {
            memcpy(line + len, c, taken);
            len += taken;
            c += taken;
        }
    }
    line[len++] = '\n';

    ssize_t written = write(STDERR_FILENO, line, len);
    (void) written; /* there is nowhere left to say so */
}

void log_write(enum log_level level, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    log_write_v(level, format, args);
    va_end(args);
}

bool log_limit_pass(struct log_limit *limit, int64_t every_us, uint64_t *ret_suppressed)
{
    int64_t now_us = clock_now_us();
    int64_t next_us = atomic_load(&limit->next_us);
    if (now_us < next_us ||
        !atomic_compare_exchange_strong(&limit->next_us, &next_us, now_us + every_us)) {
        atomic_fetch_add(&limit->suppressed, 1);
        return false;
    }
    uint64_t suppressed = atomic_exchange(&limit->suppressed, 0);
    if (ret_suppressed)
        *ret_suppressed = suppressed;
    return true;
}
