#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "dueq_handler.h"
#include "error.h"

enum { ABI_NAME_MAX = 64 };

/* Decides whether this dueqd can run the plugin whose symbol is at `found`, and copies the struct:
 * `size` is that of the struct as the caller knows it (1.0's or larger), *ret_handler has room for
 * it. What the plugin's minor did not have yet is zero in the copy, what it has beyond ours is left
 * out.
 *
 * Reads nothing behind the three version fields unless they say that it is there. 0, or -EINVAL
 * with the reason. Pure but for the plugin's memory; the copy points into it, and so lives as long
 * as the plugin is loaded. */
int abi_adopt(const void *found, size_t size, void *ret_handler, struct error *error)
    __attribute__((warn_unused_result));

/* [a-z0-9_.-]{1,64} */
bool abi_name_is_valid(const char *name);
