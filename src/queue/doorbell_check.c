#include "doorbell_check.h"

#include <stdio.h>
#include <string.h>

#include "binlog.h"

/* As it is for all sessions; one that says another format for itself is not seen here. */
static enum db_status read_format(struct db *db, char *format, size_t size, struct error *error)
{
    static const char sql[] = "SHOW GLOBAL VARIABLES LIKE 'binlog_format'";
    struct db_result *result;
    enum db_status status = db_query(db, sql, sizeof sql - 1, &result, error);
    if (status != DB_OK)
        return status;
    const char *value = db_result_next(result) ? db_text(result, 1, NULL) : NULL;
    snprintf(format, size, "%s", value ? value : "ROW"); /* servers that have no other one */
    db_result_free(result);
    return DB_OK;
}

enum db_status doorbell_check(struct db *db, struct check_findings *findings, struct error *error)
{
    enum binlog_trouble trouble = BINLOG_OTHER;
    struct error words = { "" };
    char format[16] = "";

    enum db_status status = read_format(db, format, sizeof format, &words);
    if (status == DB_OK)
        status = binlog_try(db, &trouble, &words);
    if (status == DB_LOST)
        error_set(error, "%s", words.text);
    else if (status != DB_OK)
        check_findings_add(findings, "doorbell", CHECK_WARNING, "the queues are polled: %.250s%s",
                           words.text, binlog_advice(trouble));
    else if (strcmp(format, "ROW") != 0)
        check_findings_add(findings, "doorbell", CHECK_WARNING,
                           "binlog_format is %s: jobs that are logged as statements ring every "
                           "queue, and so does what only names dueq_job; with ROW they ring their "
                           "own: SET GLOBAL binlog_format = 'ROW', and the same in the server's "
                           "configuration file",
                           format);
    else
        check_findings_add(findings, "doorbell", CHECK_OK, "the binlog can be followed");
    return status == DB_LOST ? status : DB_OK;
}
