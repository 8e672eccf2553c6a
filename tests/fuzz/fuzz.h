#pragma once

#include <stddef.h>
#include <stdint.h>

/* Any bytes: nothing may come of them but an answer. libFuzzer's name. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
