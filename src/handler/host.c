#include "host.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "log.h"
#include "options.h"

static enum log_level level_of(enum dueq_log_level level)
{
    int number = (int) level; /* a plugin may say anything */
    if (number <= DUEQ_LOG_ERROR)
        return LOG_LEVEL_ERROR;
    if (number == DUEQ_LOG_WARNING)
        return LOG_LEVEL_WARNING;
    return number <= DUEQ_LOG_INFO ? LOG_LEVEL_INFO : LOG_LEVEL_DEBUG;
}

__attribute__((format(printf, 3, 4))) static void
host_log(const struct dueq_host *host, enum dueq_log_level level, const char *format, ...)
{
    if (!log_enabled(level_of(level)))
        return;
    char text[1536]; /* leaves the log's line room for the names behind it */
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    for (size_t len = strlen(text); len > 0 && text[len - 1] == '\n'; len--)
        text[len - 1] = '\0';
    /* A text that gives values of its own ("rejected: status=410") has its colon already. */
    log_write(level_of(level), "%s%s handler=%s kind=%s", text, strchr(text, '=') ? "" : ":",
              host->handler, host->kind);
}

void host_init(struct dueq_host *host, const char *handler, const char *kind,
               const struct handler_callbacks *callbacks)
{
    *host = (struct dueq_host){
        .size = sizeof *host,
        .abi_minor = DUEQ_ABI_MINOR,
        .handler = handler,
        .kind = kind,
        .log = host_log,
        .finish = callbacks->finish,
        .cancelled = callbacks->cancelled,
        .extend = callbacks->extend,
        .option_string = options_string,
        .option_list = options_list,
        .option_integer = options_integer,
        .option_boolean = options_boolean,
        .option_duration = options_duration,
        .option_error = options_error,
    };
}
