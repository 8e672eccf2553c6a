#pragma once

#include "check_findings.h"
#include "connection.h"

/* Tries every verb that dueqd and dueq use on every table, by preparing a statement that is never
 * executed: SHOW GRANTS says nothing of roles and of what a proxy makes of the user. What only the
 * command line needs is a warning. The schema must be there. DB_OK, or DB_LOST. */
enum db_status privilege_check(struct db *db, struct check_findings *findings, struct error *error)
    __attribute__((warn_unused_result));
