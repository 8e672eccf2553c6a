#pragma once

#include <stddef.h>

#include "check_findings.h"
#include "connection.h"

/* Is this server, with this database and this user, one that dueq can work on? The version was
 * checked by db_open already. Nothing is changed. */

enum { SERVER_CHECK_MAX = 12 }; /* findings: one a check, whatever it finds */

/* Runs every check that makes sense (with no schema, or another, those of tables are left out).
 * max: at least SERVER_CHECK_MAX. DB_OK also with findings that are failures; any other status,
 * with words in `error`, says that the checking itself could not go on (DB_LOST). */
enum db_status server_check(struct db *db, struct check_finding *findings, size_t max,
                            size_t *ret_count, struct error *error)
    __attribute__((warn_unused_result));
