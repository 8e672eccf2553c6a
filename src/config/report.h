#pragma once

#include <stdarg.h>

#include "config.h"

/* Within config_load: problems are found section by section and shown in the order of the file.
 * `position` is a line of the scanned text, by which report_sort puts them in order. */
void report_add(struct config_report *report, bool warning, unsigned position, const char *file,
                unsigned line, const char *text);

/* Those from the index `from` on; the ones of one line stay as they were found. */
void report_sort(struct config_report *report, size_t from);
