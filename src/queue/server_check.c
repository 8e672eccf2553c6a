#include "server_check.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "duration.h"
#include "plan_check.h"
#include "privilege_check.h"
#include "schema.h"

enum { ER_TABLEACCESS_DENIED = 1142 };

enum {
    PAYLOAD_MAX = (16 << 20) - 1, /* of MEDIUMTEXT */
    ROW_MARGIN = 128 * 1024,      /* for the headers and all the rest of a row, generously */
};

/* Server variables, as text; empty where this server has none of that name. */
struct variables {
    char isolation[32];
    char log_bin[8];
    char binlog_format[16];
    char read_only[8];
    char flush_log[8];
    char sync_binlog[16];
};

static enum db_status read_variables(struct db *db, struct variables *vars, struct error *error)
{
    static const char sql[] =
        "SHOW SESSION VARIABLES WHERE Variable_name IN ('tx_isolation', 'transaction_isolation',"
        " 'log_bin', 'binlog_format', 'read_only', 'innodb_flush_log_at_trx_commit',"
        " 'sync_binlog')";
    const struct {
        const char *name;
        char *value;
        size_t size;
    } wanted[] = {
        { "tx_isolation", vars->isolation, sizeof vars->isolation },
        { "transaction_isolation", vars->isolation, sizeof vars->isolation },
        { "log_bin", vars->log_bin, sizeof vars->log_bin },
        { "binlog_format", vars->binlog_format, sizeof vars->binlog_format },
        { "read_only", vars->read_only, sizeof vars->read_only },
        { "innodb_flush_log_at_trx_commit", vars->flush_log, sizeof vars->flush_log },
        { "sync_binlog", vars->sync_binlog, sizeof vars->sync_binlog },
    };
    struct db_result *result;

    *vars = (struct variables){ .isolation = "" };
    enum db_status status = db_query(db, sql, sizeof sql - 1, &result, error);
    if (status != DB_OK) {
        error_prefix(error, "reading the server's variables");
        return status;
    }
    while (db_result_next(result)) {
        const char *variable = db_text(result, 0, NULL), *value = db_text(result, 1, NULL);
        for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++)
            if (variable && value && strcmp(variable, wanted[i].name) == 0)
                snprintf(wanted[i].value, wanted[i].size, "%s", value);
    }
    db_result_free(result);
    return DB_OK;
}

static void check_writable(struct db *db, struct check_findings *findings,
                           const struct variables *vars)
{
    const char *product = db_is_mariadb(db) ? "" : "MySQL ";
    if (strcmp(vars->read_only, "OFF") == 0 || !*vars->read_only)
        check_findings_add(findings, "server", CHECK_OK, "%s%s", product, db_server_version(db));
    else
        check_findings_add(findings, "server", CHECK_WARNING,
                           "%s%s has read_only=%s: it is a replica, or being moved; point dueq at "
                           "the server that takes writes",
                           product, db_server_version(db), vars->read_only);
}

static void check_isolation(struct check_findings *findings, const struct variables *vars)
{
    if (strcmp(vars->isolation, "READ-COMMITTED") == 0)
        check_findings_add(findings, "isolation", CHECK_OK, "READ COMMITTED in dueq's sessions");
    else
        check_findings_add(findings, "isolation", CHECK_FAILURE,
                           "dueq asked for READ COMMITTED and the session has %s, under which "
                           "claims block producers: something between dueq and the server (a "
                           "proxy?) drops SET SESSION TRANSACTION",
                           vars->isolation);
}

static void check_binlog(struct check_findings *findings, const struct variables *vars)
{
    if (strcmp(vars->log_bin, "ON") != 0)
        check_findings_add(findings, "binlog", CHECK_OK, "the binlog is off");
    else if (strcmp(vars->binlog_format, "STATEMENT") == 0)
        check_findings_add(findings, "binlog", CHECK_FAILURE,
                           "binlog_format is STATEMENT: the server refuses to log what READ "
                           "COMMITTED writes, and NOW(6) and SKIP LOCKED would do something else "
                           "on a replica: SET GLOBAL binlog_format = 'ROW', the same in the "
                           "server's configuration file, and connect anew");
    else
        check_findings_add(findings, "binlog", CHECK_OK, "binlog_format is %s",
                           *vars->binlog_format ? vars->binlog_format : "ROW");
}

static void check_packet(struct db *db, struct check_findings *findings)
{
    uint64_t packet = db_max_packet(db);
    if (packet >= (uint64_t) PAYLOAD_MAX + ROW_MARGIN)
        check_findings_add(findings, "max_allowed_packet", CHECK_OK,
                           "%" PRIu64 ": the largest payload goes through", packet);
    else
        check_findings_add(findings, "max_allowed_packet", CHECK_WARNING,
                           "%" PRIu64 ": a job with a payload near that size, of the %d bytes that "
                           "a row can hold, cannot be read and goes to dueq_dead: SET GLOBAL "
                           "max_allowed_packet = 67108864, the same in the server's configuration "
                           "file, and connect anew",
                           packet, PAYLOAD_MAX);
}

static enum db_status check_clock(struct db *db, struct check_findings *findings,
                                  struct error *error)
{
    uint64_t server_us = 0;
    char text[DURATION_TEXT_SIZE];

    int64_t before_us = clock_wall_us();
    enum db_status status = db_query_u64(
        db, "SELECT CAST(UNIX_TIMESTAMP(NOW(6)) * 1000000 AS UNSIGNED)", &server_us, error);
    int64_t after_us = clock_wall_us();
    if (status != DB_OK) {
        error_prefix(error, "reading the server's clock");
        return status;
    }
    int64_t ahead_us = (int64_t) server_us - (before_us + (after_us - before_us) / 2);
    duration_format((llabs(ahead_us) / 1000 + 1) * 1000, text);
    if (llabs(ahead_us) < 1000000)
        check_findings_add(findings, "clock", CHECK_OK, "this host's and the server's are %s apart",
                           text);
    else
        check_findings_add(findings, "clock", CHECK_OK,
                           "the server's is %s %s this host's; no job runs earlier or later for "
                           "it, since the server's clock is the only one that counts",
                           text, ahead_us > 0 ? "ahead of" : "behind");
    return DB_OK;
}

static void check_durability(struct check_findings *findings, const struct variables *vars)
{
    bool binlog = strcmp(vars->log_bin, "ON") == 0;
    if (strcmp(vars->flush_log, "1") == 0 && (!binlog || strcmp(vars->sync_binlog, "1") == 0))
        check_findings_add(findings, "durability", CHECK_OK, "a commit is on the disk");
    else
        check_findings_add(findings, "durability", CHECK_OK,
                           "innodb_flush_log_at_trx_commit=%s, sync_binlog=%s: when the server's "
                           "machine fails, the last second or so of commits may be gone, "
                           "producers' jobs and outcomes alike",
                           vars->flush_log, binlog ? vars->sync_binlog : "(no binlog)");
}

static enum db_status check_schema(struct db *db, struct check_findings *findings, bool *ret_usable,
                                   struct error *error)
{
    struct schema schema;
    struct error words;
    enum db_status status = schema_require(db, &schema, &words);

    /* Not being let near it is the privilege check's to explain. */
    *ret_usable = status == DB_OK ||
                  (status == DB_FATAL && db_error_number(db) == ER_TABLEACCESS_DENIED);
    if (status == DB_OK)
        check_findings_add(findings, "schema", CHECK_OK, "version %u, source %s", schema.version,
                           schema.source_id);
    else if (status == DB_LOST)
        error_set(error, "%s", words.text);
    else
        check_findings_add(findings, "schema", CHECK_FAILURE, "%.500s", words.text);
    return status == DB_LOST ? status : DB_OK;
}

enum db_status server_check(struct db *db, struct check_finding *items, size_t max,
                            size_t *ret_count, struct error *error)
{
    struct check_findings findings = { .items = items, .max = max };
    struct variables vars;
    bool usable = false;

    enum db_status status = read_variables(db, &vars, error);
    if (status != DB_OK)
        return status;
    check_writable(db, &findings, &vars);
    status = check_schema(db, &findings, &usable, error);
    if (status == DB_OK && usable)
        status = privilege_check(db, &findings, error);
    check_isolation(&findings, &vars);
    check_binlog(&findings, &vars);
    if (status == DB_OK && usable)
        status = plan_check(db, &findings, error);
    check_packet(db, &findings);
    if (status == DB_OK)
        status = check_clock(db, &findings, error);
    check_durability(&findings, &vars);
    if (status == DB_OK)
        *ret_count = findings.count;
    return status;
}
