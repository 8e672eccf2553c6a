#pragma once

#include "check_findings.h"
#include "connection.h"

/* Can the user follow the server's binlog, so that it can ring for jobs? One finding, "doorbell": a
 * warning where not, since the queues are polled then. The connection can do nothing else
 * afterwards, and is to be closed. DB_OK, or DB_LOST. */
enum db_status doorbell_check(struct db *db, struct check_findings *findings, struct error *error)
    __attribute__((warn_unused_result));
