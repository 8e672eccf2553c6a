#include "error.h"

#include <stdio.h>
#include <string.h>

void error_set_v(struct error *error, const char *format, va_list args)
{
    if (error)
        vsnprintf(error->text, sizeof error->text, format, args);
}

void error_set(struct error *error, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    error_set_v(error, format, args);
    va_end(args);
}

void error_prefix(struct error *error, const char *format, ...)
{
    if (!error)
        return;

    char old[sizeof error->text];
    memcpy(old, error->text, sizeof old);

    va_list args;
    va_start(args, format);
    int len = vsnprintf(error->text, sizeof error->text, format, args);
    va_end(args);
    if (len < 0 || (size_t) len >= sizeof error->text)
        return;
    int rest = snprintf(error->text + len, sizeof error->text - (size_t) len, ": %s", old);
    (void) rest; /* what does not fit is cut */
}
