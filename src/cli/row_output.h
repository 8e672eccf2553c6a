#pragma once

#include <jansson.h>

#include "dead_browse.h"
#include "job_browse.h"

/* Rows as objects for programs, with names that stay, and as pairs of a name and a value for
 * people. */

enum row_detail {
    ROW_BRIEF, /* in a list */
    ROW_FULL,  /* with headers and payload */
};

json_t *row_job_json(const struct job_view *job, enum row_detail detail);
json_t *row_dead_json(const struct dead_view *dead, enum row_detail detail);
json_t *row_failure_json(const struct job_failure *failure);

/* "name:        value" lines, on stdout. */
void row_pair(const char *name, const char *format, ...) __attribute__((format(printf, 2, 3)));
void row_pair_text(const char *name, struct row_text text); /* nothing for NULL */
void row_pair_time(const char *name, int64_t us, int64_t now_us);

/* The payload, line by line and indented, and how much of it is not shown. */
void row_print_payload(struct row_text shown, uint64_t whole_len);

void row_print_job(const struct job_view *job);
void row_print_dead(const struct dead_view *dead);
