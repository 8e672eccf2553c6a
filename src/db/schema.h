#pragma once

#include "connection.h"

/* The version this build works with; the number of the last file in schema/. */
enum { SCHEMA_VERSION = 1 };

enum { SCHEMA_SOURCE_ID_SIZE = 37 }; /* a UUID and a NUL */

struct schema {
    uint32_t version;                      /* 0: there is none, or an older one than the first */
    char source_id[SCHEMA_SOURCE_ID_SIZE]; /* empty: there is none */
};

/* What is there. DB_OK also where nothing is. */
enum db_status schema_read(struct db *db, struct schema *ret_schema, struct error *error)
    __attribute__((warn_unused_result));

/* DB_FATAL, with words that say what was found, what is wanted and what to run, unless the schema
 * is SCHEMA_VERSION. */
enum db_status schema_require(struct db *db, struct schema *ret_schema, struct error *error)
    __attribute__((warn_unused_result));

/* Applies what is missing, one version after the other, under a lock of the server's (waited for up
 * to a minute), so that two at once are safe. `db` must have been opened with multi_statements. A
 * newer schema than this build knows is left alone: DB_FATAL, as after any failure that is the
 * schema's or the user's; the caller then closes the connection, and with it the lock goes.
 * DB_RETRY: somebody else held the lock for all of the minute. */
enum db_status schema_migrate(struct db *db, uint32_t *ret_from, struct error *error)
    __attribute__((warn_unused_result));

/* The text of schema/000N_*.sql as it was built in. version: 1 … SCHEMA_VERSION. */
const char *schema_text(uint32_t version);
