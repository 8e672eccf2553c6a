#pragma once

#include "check_findings.h"
#include "connection.h"

/* Is the claim's SELECT, the very text of it, planned as a range over the index `due`? One that
 * sorts or scans works, but slowly, and locks what it need not: a warning. Without the index no
 * claim works at all: a failure. The schema must be there. DB_OK, or DB_LOST. */
enum db_status plan_check(struct db *db, struct check_findings *findings, struct error *error)
    __attribute__((warn_unused_result));
