#include "privilege_check.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum {
    ER_DBACCESS_DENIED = 1044,
    ER_TABLEACCESS_DENIED = 1142,
    ER_COLUMNACCESS_DENIED = 1143,
};

/* Each statement names the columns that the code writes, so that a privilege on columns counts for
 * what it is. Grouped by table. */
static const struct privilege {
    const char *table;
    const char *verb;
    bool daemon; /* dueqd cannot do without it; else dueq needs it for what an operator does */
    const char *sql;
} privileges[] = {
    { "dueq_job", "SELECT", true, "SELECT * FROM dueq_job WHERE 1 = 0 FOR UPDATE" },
    { "dueq_job", "UPDATE", true,
      "UPDATE dueq_job SET lease = NULL, attempts = 0, next_run_at = NOW(6) WHERE 1 = 0" },
    { "dueq_job", "DELETE", true, "DELETE FROM dueq_job WHERE 1 = 0" },
    { "dueq_job", "INSERT", false, "INSERT INTO dueq_job (kind, payload) VALUES ('x', '')" },
    { "dueq_dead", "INSERT", true,
      "INSERT INTO dueq_dead (id, queue, kind, payload, headers, priority, next_run_at, state,"
      " attempts, max_attempts, retry, unique_key, ordering_key, created_at, reason, message)"
      " VALUES (0, 'x', 'x', '', NULL, 5, NULL, 'ready', 0, NULL, NULL, NULL, NULL, NULL, 'x', "
      "'')" },
    { "dueq_dead", "SELECT", false, "SELECT * FROM dueq_dead WHERE 1 = 0" },
    { "dueq_dead", "DELETE", false, "DELETE FROM dueq_dead WHERE 1 = 0" },
    { "dueq_error", "SELECT", true, "SELECT * FROM dueq_error WHERE 1 = 0" },
    { "dueq_error", "INSERT", true,
      "INSERT INTO dueq_error (job_id, attempt, worker, message) VALUES (0, 0, '', '')" },
    { "dueq_error", "DELETE", true, "DELETE FROM dueq_error WHERE 1 = 0" },
    { "dueq_queue", "SELECT", true, "SELECT * FROM dueq_queue WHERE 1 = 0" },
    { "dueq_queue", "INSERT", false, "INSERT INTO dueq_queue (queue, paused) VALUES ('x', 1)" },
    { "dueq_queue", "UPDATE", false, "UPDATE dueq_queue SET paused = 1 WHERE 1 = 0" },
    { "dueq_worker", "SELECT", true, "SELECT * FROM dueq_worker WHERE 1 = 0" },
    { "dueq_worker", "INSERT", true, "INSERT INTO dueq_worker (name, version) VALUES ('', '')" },
    { "dueq_worker", "UPDATE", true,
      "UPDATE dueq_worker SET seen_at = NOW(6), status = NULL WHERE 1 = 0" },
    { "dueq_worker", "DELETE", true, "DELETE FROM dueq_worker WHERE 1 = 0" },
    { "dueq_schema", "SELECT", true, "SELECT * FROM dueq_schema WHERE 1 = 0" },
};
enum { PRIVILEGES = sizeof privileges / sizeof *privileges };

/* What the user lacks: "INSERT, DELETE on dueq_error; …", and the first GRANT to give. */
struct lack {
    char text[256];
    size_t len;
    char verbs[64]; /* of the first table that lacks one */
    const char *table;
    const char *last_table;
};

static void lack_add(struct lack *lack, const struct privilege *privilege)
{
    bool same = lack->last_table && strcmp(lack->last_table, privilege->table) == 0;

    if (!lack->table)
        lack->table = privilege->table;
    if (strcmp(lack->table, privilege->table) == 0) {
        size_t used = strlen(lack->verbs);
        snprintf(lack->verbs + used, sizeof lack->verbs - used, "%s%s", used ? ", " : "",
                 privilege->verb);
    }
    int added = snprintf(lack->text + lack->len, sizeof lack->text - lack->len, "%s%s%s%s",
                         !lack->last_table ? ""
                         : same            ? ", "
                                           : "; ",
                         same ? "" : privilege->table, same ? "" : ": ", privilege->verb);
    lack->len += (size_t) added;
    if (lack->len >= sizeof lack->text)
        lack->len = sizeof lack->text - 1;
    lack->last_table = privilege->table;
}

static enum db_status try_statement(struct db *db, const char *sql, struct error *error)
{
    struct buffer prepare = { 0 };
    buffer_append_text(&prepare, "PREPARE dueq_check FROM ");
    db_append_quoted(db, &prepare, sql, strlen(sql));
    enum db_status status = db_execute_buffer(db, &prepare, NULL, error);
    buffer_done(&prepare);
    return status;
}

static bool denied(const struct db *db)
{
    unsigned number = db_error_number(db);
    return number == ER_DBACCESS_DENIED || number == ER_TABLEACCESS_DENIED ||
           number == ER_COLUMNACCESS_DENIED;
}

static enum db_status try_all(struct db *db, struct lack *daemon, struct lack *command,
                              struct error *error)
{
    for (int i = 0; i < PRIVILEGES; i++) {
        const struct privilege *privilege = &privileges[i];
        enum db_status status = try_statement(db, privilege->sql, error);
        if (status == DB_OK)
            continue;
        if (status == DB_LOST || !denied(db))
            return status;
        lack_add(privilege->daemon ? daemon : command, privilege);
    }
    struct error ignored; /* there is none where the last PREPARE failed */
    enum db_status status = db_run(db, "DEALLOCATE PREPARE dueq_check", &ignored);
    if (status == DB_LOST)
        error_set(error, "%s", ignored.text);
    return status == DB_LOST ? status : DB_OK;
}

/* As GRANT wants them. */
struct names {
    char account[160];  /* 'dueq'@'%' */
    char database[160]; /* `shop` */
};

static enum db_status read_names(struct db *db, struct names *ret_names, struct error *error)
{
    static const char sql[] =
        "SELECT CONCAT(QUOTE(LEFT(u, CHAR_LENGTH(u) - CHAR_LENGTH(h) - 1)), '@', QUOTE(h)),"
        " CONCAT('`', REPLACE(DATABASE(), '`', '``'), '`')"
        " FROM (SELECT CURRENT_USER() AS u, SUBSTRING_INDEX(CURRENT_USER(), '@', -1) AS h) x";
    struct db_result *result;
    enum db_status status = db_query(db, sql, sizeof sql - 1, &result, error);
    if (status != DB_OK)
        return status;
    bool found = db_result_next(result);
    const char *account = found ? db_text(result, 0, NULL) : NULL;
    const char *database = found ? db_text(result, 1, NULL) : NULL;
    snprintf(ret_names->account, sizeof ret_names->account, "%s", account ? account : "the user");
    snprintf(ret_names->database, sizeof ret_names->database, "%s", database ? database : "*");
    db_result_free(result);
    return DB_OK;
}

/* lacking: what follows where it does. */
static void report(struct check_findings *findings, const char *name, enum check_level level,
                   const char *whose, const struct lack *lack, const char *lacking,
                   const struct names *names)
{
    if (lack->len == 0)
        check_findings_add(findings, name, CHECK_OK, "%s has all that %s needs", names->account,
                           whose);
    else
        check_findings_add(findings, name, level,
                           "%s lacks what %s needs (%s): %sGRANT %s ON %s.%s TO %s, and so on; "
                           "schema/grants.sql has them all",
                           names->account, whose, lack->text, lacking, lack->verbs, names->database,
                           lack->table, names->account);
}

enum db_status privilege_check(struct db *db, struct check_findings *findings, struct error *error)
{
    struct lack daemon = { .len = 0 }, command = { .len = 0 };
    struct error words;
    struct names names;

    enum db_status status = read_names(db, &names, &words);
    if (status == DB_OK)
        status = try_all(db, &daemon, &command, &words);
    if (status == DB_LOST) {
        error_set(error, "%s", words.text);
        return status;
    }
    if (status != DB_OK) {
        check_findings_add(findings, "privileges", CHECK_FAILURE, "%.400s", words.text);
        return DB_OK;
    }
    report(findings, "privileges", CHECK_FAILURE, "dueqd", &daemon, "", &names);
    /* Nothing is wrong with a user that can do no more than the daemon has to. */
    report(findings, "operator_privileges", CHECK_OK, "the dueq command", &command,
           "give operators a user of their own, or ", &names);
    return DB_OK;
}
