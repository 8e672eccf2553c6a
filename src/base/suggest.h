#pragma once

#include <stddef.h>

/* Which of the names the user may have meant by `found`: the nearest by edits, or NULL where none
 * is near enough (more than a third of its letters would have to change) or two are equally near.
 */
const char *suggest_name(const char *found, const char *const *names, size_t count);
