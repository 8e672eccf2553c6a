#include "plan_check.h"

#include <stdio.h>
#include <string.h>

#include "claim.h"

static const char name[] = "claim_plan";

enum {
    ER_KEY_DOES_NOT_EXIST = 1176,
    ER_BINLOG_STMT_MODE_AND_ROW_ENGINE = 1665,
};

/* The columns of a plan that tell. The two servers have different numbers of them. */
struct plan {
    char type[32];
    char key[72];
    char extra[256];
};

static void take_column(const struct db_result *result, const char *column, char *to, size_t size)
{
    for (unsigned i = 0; i < db_result_columns(result); i++)
        if (strcmp(db_result_column_name(result, i), column) == 0) {
            const char *text = db_text(result, i, NULL);
            snprintf(to, size, "%s", text ? text : "");
        }
}

static enum db_status read_plan(struct db *db, struct plan *ret_plan, struct error *error)
{
    const struct claim_request request = { .queue = "default", .priority = 5, .limit = 500 };
    struct buffer sql = { 0 };
    struct db_result *result = NULL;
    struct plan plan = { .type = "" };

    claim_append_explain(db, &sql, &request);
    enum db_status status = db_query_buffer(db, &sql, &result, error);
    buffer_done(&sql);
    if (status != DB_OK)
        return status;
    if (db_result_next(result)) {
        take_column(result, "type", plan.type, sizeof plan.type);
        take_column(result, "key", plan.key, sizeof plan.key);
        take_column(result, "Extra", plan.extra, sizeof plan.extra);
    }
    db_result_free(result);
    *ret_plan = plan;
    return DB_OK;
}

/* An index of that name over other columns may be planned as a range, too. */
static enum db_status read_index(struct db *db, char *columns, size_t size, struct error *error)
{
    static const char sql[] =
        "SELECT GROUP_CONCAT(COLUMN_NAME ORDER BY SEQ_IN_INDEX SEPARATOR ', ')"
        " FROM information_schema.STATISTICS WHERE TABLE_SCHEMA = DATABASE()"
        " AND TABLE_NAME = 'dueq_job' AND INDEX_NAME = 'due'";
    struct db_result *result;
    enum db_status status = db_query(db, sql, sizeof sql - 1, &result, error);
    if (status != DB_OK)
        return status;
    const char *text = db_result_next(result) ? db_text(result, 0, NULL) : NULL;
    snprintf(columns, size, "%s", text ? text : "");
    db_result_free(result);
    return DB_OK;
}

static void judge(struct check_findings *findings, const struct plan *plan, const char *columns)
{
    if (strcmp(columns, "queue, priority, next_run_at") != 0)
        check_findings_add(findings, name, CHECK_WARNING,
                           "the index due of dueq_job is over (%.100s), so that a claim reads rows "
                           "that are not due: ALTER TABLE dueq_job DROP KEY due, ADD KEY due "
                           "(queue, priority, next_run_at)",
                           columns);
    else if (strcmp(plan->type, "range") != 0 || strcmp(plan->key, "due") != 0 ||
             strstr(plan->extra, "filesort") || strstr(plan->extra, "temporary"))
        check_findings_add(
            findings, name, CHECK_WARNING,
            "the server does not plan the claim as a range over the index due but "
            "as %s over %s (%s), which is slow on a large table: ANALYZE TABLE "
            "dueq_job, and if that does not help report it with the server's version",
            plan->type, *plan->key ? plan->key : "no index", plan->extra);
    else
        check_findings_add(findings, name, CHECK_OK, "a range over the index due, without sorting");
}

enum db_status plan_check(struct db *db, struct check_findings *findings, struct error *error)
{
    struct plan plan;
    struct error words;
    char columns[256];

    enum db_status status = read_plan(db, &plan, &words);
    if (status == DB_OK)
        status = read_index(db, columns, sizeof columns, &words);
    if (status == DB_OK) {
        judge(findings, &plan, columns);
    } else if (status == DB_LOST) {
        error_set(error, "%s", words.text);
        return status;
    } else if (status == DB_READ_ONLY) { /* the server's check says so */
        return DB_OK;
    } else if (db_error_number(db) == ER_KEY_DOES_NOT_EXIST) {
        check_findings_add(findings, name, CHECK_FAILURE,
                           "dueq_job has lost its index due, without which nothing can be claimed: "
                           "ALTER TABLE dueq_job ADD KEY due (queue, priority, next_run_at)");
    } else if (db_error_number(db) != ER_BINLOG_STMT_MODE_AND_ROW_ENGINE) { /* the binlog's check */
        check_findings_add(findings, name, CHECK_FAILURE, "the claim cannot be planned: %.400s",
                           words.text);
    }
    return DB_OK;
}
