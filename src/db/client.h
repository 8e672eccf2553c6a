#pragma once

#include <mysql.h>
#include <stddef.h>

#include "connection.h"

/* Where MariaDB Connector/C and Oracle's libmysqlclient differ. */
void client_set_tls(MYSQL *mysql, const struct db_options *options);
size_t client_escape(MYSQL *mysql, char *to, const char *from, size_t len);
int client_descriptor(MYSQL *mysql);
