#pragma once

/* cmocka.h with what it wants to find before it, and one more macro. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

/* fail_msg, and the compiler knows that it does not come back. */
#define test_fail(...)                                                                             \
    do {                                                                                           \
        fail_msg(__VA_ARGS__);                                                                     \
        abort();                                                                                   \
    } while (0)
