#pragma once

#include <stdio.h>

#include "config.h"

/* Writes the configuration that is in force, defaults included, as a file that config_load reads
 * back as the same. Passwords are written as "***", and so are options of handlers whose names say
 * that they are secret; so what is read back is the same but for these. Errors of the stream are
 * the caller's to look for (ferror). */
void config_print(const struct config *config, FILE *file);
