#pragma once

#include <stdbool.h>

enum { SERVER_VERSION_SIZE = 64 };

/* Which server it is, from what it says of itself. */
struct server_version {
    char text[SERVER_VERSION_SIZE]; /* without the 5.5.5- that MariaDB before 11 puts in front */
    bool mariadb;
    unsigned number; /* 101106 for 10.11.6; 0 for what has no number in front */
};

void server_version_read(const char *said, struct server_version *ret_version);

/* It has SELECT … FOR UPDATE SKIP LOCKED and enforces CHECK constraints: MariaDB 10.6,
 * MySQL 8.0.16. */
bool server_version_will_do(const struct server_version *version);
