#pragma once

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>

/* Lines on stderr: "<6>short sentence: key=value key=value". The number is the journal's priority
 * and is left out when stderr is a terminal, where the time stands instead. Any thread; one
 * write(2) a line. Control characters are escaped, so that no data can forge a line, and
 * so are bytes that are not UTF-8, since the journal would show such a line as a blob. */
enum log_level {
    LOG_LEVEL_ERROR = 3,
    LOG_LEVEL_WARNING = 4,
    LOG_LEVEL_INFO = 6,
    LOG_LEVEL_DEBUG = 7
};

void log_set_level(enum log_level level);
enum log_level log_get_level(void);
bool log_enabled(enum log_level level);

void log_write(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));
void log_write_v(enum log_level level, const char *format, va_list args)
    __attribute__((format(printf, 2, 0)));

#define log_error(...) log_write(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warning(...) log_write(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_info(...) log_write(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...)                                                                             \
    do {                                                                                           \
        if (log_enabled(LOG_LEVEL_DEBUG))                                                          \
            log_write(LOG_LEVEL_DEBUG, __VA_ARGS__);                                               \
    } while (0)

/* Lets one line through in each `every_us`. Zero-initialised; any thread. */
struct log_limit {
    _Atomic int64_t next_us;
    _Atomic uint64_t suppressed;
};

/* True when the line may be written; *ret_suppressed (may be NULL) is then how many were not, since
 * the last one. */
bool log_limit_pass(struct log_limit *limit, int64_t every_us, uint64_t *ret_suppressed);
