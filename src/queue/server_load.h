#pragma once

#include <stdint.h>

#include "connection.h"

/* What tells that a server is falling behind. -1: it does not show that to us. */
struct server_load {
    int64_t history; /* undo logs that purge has yet to come to; MySQL shows it with PROCESS only */
    int64_t deadlocks;   /* since the server started, of all its users; the same */
    int64_t apply_queue; /* transactions that a node of the cluster has yet to apply */
};

/* One to three statements that cost next to nothing. What is not shown to us is no error. */
enum db_status server_load_read(struct db *db, struct server_load *ret_load, struct error *error)
    __attribute__((warn_unused_result));
