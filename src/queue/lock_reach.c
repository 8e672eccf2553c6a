#include "lock_reach.h"

#include <string.h>

enum db_status lock_reach_read(struct db *db, bool *ret_reaches_all, struct error *error)
{
    static const char sql[] =
        "SHOW GLOBAL VARIABLES WHERE Variable_name IN ('wsrep_on', 'group_replication_group_name',"
        " 'group_replication_single_primary_mode')";
    struct db_result *result;
    bool galera = false, group = false, single_primary = true;

    enum db_status status = db_query(db, sql, sizeof sql - 1, &result, error);
    if (status != DB_OK)
        return status;
    while (db_result_next(result)) {
        const char *name = db_text(result, 0, NULL), *value = db_text(result, 1, NULL);
        if (strcmp(name, "wsrep_on") == 0)
            galera = strcmp(value, "ON") == 0;
        else if (strcmp(name, "group_replication_group_name") == 0)
            group = *value != '\0';
        else
            single_primary = strcmp(value, "OFF") != 0;
    }
    db_result_free(result);
    *ret_reaches_all = !galera && !(group && !single_primary);
    return DB_OK;
}
