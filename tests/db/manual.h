#pragma once

#include <mysql.h>
#include <stddef.h>

/* Runs each block of SQL of a text in docs/, in its order, on the connection. The test fails, with
 * the block, where the server refuses it; but to look into InnoDB, which needs PROCESS, may be
 * denied. Returns the number of blocks. */
size_t manual_run(const char *name, MYSQL *connection);
