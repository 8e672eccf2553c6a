#pragma once

#include "check_findings.h"
#include "connection.h"

/* Whether what the tables say fits together: what no crash and no fault may break. For `dueq fsck`,
 * at any time, with daemons at work: each statement sees one instant. Reads all of dueq_job, some
 * thousand rows at a time, and locks nothing. */

enum { CONSISTENCY_MAX = 8 }; /* findings, a line for each thing looked at */

/* keep_errors_us: how long daemons keep rows of dueq_error, beyond which they cannot be counted on.
 */
enum db_status consistency_check(struct db *db, int64_t keep_errors_us,
                                 struct check_findings *findings, struct error *error)
    __attribute__((warn_unused_result));
