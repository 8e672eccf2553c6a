#pragma once

#include <stdbool.h>

/* Asks every few milliseconds; false when the answer has not been true within the limit, which is
 * there against hanging and says nothing about how long the thing should take. Any thread. */
bool wait_until(bool (*condition)(void *userdata), void *userdata, int limit_s)
    __attribute__((warn_unused_result));
