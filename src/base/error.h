#pragma once

#include <stdarg.h>

/* Words for a failure: what was wanted, with which value, and what to do. Owned by the caller,
 * filled by the callee that returns the error, and left alone by one that succeeds. */
struct error {
    char text[1024];
};

/* Every function here takes a NULL error and then does nothing. Text that does not fit is cut. */
void error_set(struct error *error, const char *format, ...) __attribute__((format(printf, 2, 3)));
void error_set_v(struct error *error, const char *format, va_list args)
    __attribute__((format(printf, 2, 0)));

/* Puts the context in front of what is already there: "reading x: no such file". */
void error_prefix(struct error *error, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
