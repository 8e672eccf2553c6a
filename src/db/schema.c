#include "schema.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "schema_files.h" /* made by the build from schema/: schema_files[], a NUL-terminated text each */

_Static_assert(sizeof schema_files / sizeof *schema_files == SCHEMA_VERSION,
               "schema/ has another number of files than SCHEMA_VERSION says");

enum { ER_NO_SUCH_TABLE = 1146 };

const char *schema_text(uint32_t version)
{
    assert(version >= 1 && version <= SCHEMA_VERSION);
    return schema_files[version - 1];
}

enum db_status schema_read(struct db *db, struct schema *ret_schema, struct error *error)
{
    static const char sql[] = "SELECT version, source_id FROM dueq_schema";
    struct db_result *result;
    struct schema schema = { 0 };

    enum db_status status = db_query(db, sql, sizeof sql - 1, &result, error);
    if (status == DB_FATAL && db_error_number(db) == ER_NO_SUCH_TABLE) {
        *ret_schema = schema;
        return DB_OK;
    }
    if (status != DB_OK)
        return status;
    if (db_result_next(result)) {
        schema.version = (uint32_t) db_u64(result, 0);
        const char *source_id = db_text(result, 1, NULL);
        snprintf(schema.source_id, sizeof schema.source_id, "%s", source_id ? source_id : "");
    }
    db_result_free(result);
    *ret_schema = schema;
    return DB_OK;
}

enum db_status schema_require(struct db *db, struct schema *ret_schema, struct error *error)
{
    struct schema schema;
    enum db_status status = schema_read(db, &schema, error);
    if (status != DB_OK) {
        /* A user whose privileges are on tables is refused, and not told, where there are none. */
        error_prefix(error,
                     "reading the schema version from dueq_schema (made by `dueq migrate`; the "
                     "privileges on it are in schema/grants.sql)");
        return status;
    }
    if (schema.version == SCHEMA_VERSION) {
        *ret_schema = schema;
        return DB_OK;
    }
    if (schema.version == 0 && !*schema.source_id)
        error_set(error,
                  "there is no dueq schema in this database, and version %u is wanted: run `dueq "
                  "migrate`",
                  (unsigned) SCHEMA_VERSION);
    else if (schema.version < SCHEMA_VERSION)
        error_set(error,
                  "the dueq schema is version %u, and this dueq " DUEQ_VERSION
                  " wants %u: run `dueq migrate`",
                  schema.version, (unsigned) SCHEMA_VERSION);
    else
        error_set(error,
                  "the dueq schema is version %u, and this dueq " DUEQ_VERSION
                  " knows no later one than %u: install a newer dueq",
                  schema.version, (unsigned) SCHEMA_VERSION);
    return DB_FATAL;
}

static enum db_status apply_missing(struct db *db, uint32_t *ret_from, struct error *error)
{
    struct schema schema;
    enum db_status status = schema_read(db, &schema, error);
    if (status != DB_OK)
        return status;
    if (schema.version > SCHEMA_VERSION)
        return schema_require(db, &schema, error);
    for (uint32_t version = schema.version + 1; version <= SCHEMA_VERSION; version++) {
        const char *text = schema_text(version);
        status = db_execute_script(db, text, strlen(text), error);
        if (status != DB_OK) {
            error_prefix(error, "applying schema version %u", version);
            return status;
        }
    }
    *ret_from = schema.version;
    return DB_OK;
}

enum db_status schema_migrate(struct db *db, uint32_t *ret_from, struct error *error)
{
    uint64_t locked = 0;

    /* The name is the server's, not the database's, so the database is part of it. */
    enum db_status status = db_query_u64(
        db, "SELECT GET_LOCK(LEFT(CONCAT('dueq_migrate.', DATABASE()), 64), 60)", &locked, error);
    if (status == DB_NO_ROW || (status == DB_OK && locked != 1)) {
        error_set(error,
                  "another `dueq migrate` has held the lock for 60 s: see SHOW PROCESSLIST for it");
        return DB_RETRY;
    }
    if (status != DB_OK)
        return status;

    /* After a failure the lock goes with the connection: the caller closes it, and can ask for the
     * number of the error until then. */
    status = apply_missing(db, ret_from, error);
    if (status == DB_OK)
        status = db_run(db, "SELECT RELEASE_LOCK(LEFT(CONCAT('dueq_migrate.', DATABASE()), 64))",
                        error);
    return status;
}
