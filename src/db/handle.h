#pragma once

#include <mysql.h>

#include "connection.h"

/* What the other files of this layer know of a connection. */
MYSQL *db_handle(struct db *db);

/* The words and the class of what has just failed on it. */
enum db_status db_failure(struct db *db, struct error *error);
