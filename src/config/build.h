#pragma once

#include "loader.h"

/* Makes the configuration of what a file says. What is wrong is reported; the result is then for
 * nobody. */
void build_config(struct loader *loader, const struct setting *root, struct config *config);
