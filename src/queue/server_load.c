#include "server_load.h"

#include <string.h>

/* Rows of a name and a number. */
static enum db_status read_numbers(struct db *db, const char *sql, struct server_load *load,
                                   struct error *error)
{
    const struct {
        const char *name;
        int64_t *value;
    } wanted[] = {
        { "Innodb_history_list_length", &load->history }, /* MariaDB's names */
        { "Innodb_deadlocks", &load->deadlocks },
        { "trx_rseg_history_len", &load->history }, /* MySQL's */
        { "lock_deadlocks", &load->deadlocks },
        { "wsrep_local_recv_queue", &load->apply_queue },
        { "applier_queue", &load->apply_queue },
    };
    struct db_result *result;

    enum db_status status = db_query(db, sql, strlen(sql), &result, error);
    if (status != DB_OK)
        return status;
    while (db_result_next(result))
        for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++)
            if (strcmp(db_text(result, 0, NULL), wanted[i].name) == 0 && !db_is_null(result, 1))
                *wanted[i].value = db_i64(result, 1);
    db_result_free(result);
    return DB_OK;
}

enum db_status server_load_read(struct db *db, struct server_load *ret_load, struct error *error)
{
    struct server_load load = { -1, -1, -1 };

    enum db_status status = read_numbers(
        db,
        "SHOW GLOBAL STATUS WHERE Variable_name IN ('Innodb_history_list_length',"
        " 'Innodb_deadlocks', 'wsrep_local_recv_queue')",
        &load, error);
    /* What follows is refused to many users, and is then not shown. */
    if (status == DB_OK && !db_is_mariadb(db)) {
        status = read_numbers(db,
                              "SELECT NAME, COUNT FROM information_schema.INNODB_METRICS WHERE NAME"
                              " IN ('trx_rseg_history_len', 'lock_deadlocks')",
                              &load, error);
        if (status == DB_OK || status == DB_FATAL)
            status = read_numbers(db,
                                  "SELECT 'applier_queue', MAX(COUNT_TRANSACTIONS_IN_QUEUE +"
                                  " COUNT_TRANSACTIONS_REMOTE_IN_APPLIER_QUEUE)"
                                  " FROM performance_schema.replication_group_member_stats",
                                  &load, error);
        if (status == DB_FATAL)
            status = DB_OK;
    }
    if (status == DB_OK)
        *ret_load = load;
    return status;
}
