#include "link.h"

#include <stdio.h>
#include <string.h>

#include "clock.h"
#include "source_options.h"

enum {
    LOG_EVERY_US = 60000000,
    UNKNOWN_VARIABLE = 1193, /* ER_UNKNOWN_SYSTEM_VARIABLE */
    PATIENT_S = 3600,        /* how long a patient server waits */
    PATIENT_LOOK_US = 120000000,
};

static void fail(struct link *link, const struct error *error)
{
    int64_t now_us = clock_now_us();

    link->retry_at_us = route_failed(link->route, link->host, now_us);
    if (!link->failing_since_us)
        link->failing_since_us = now_us;
    if (!link->logged_us || now_us - link->logged_us >= LOG_EVERY_US) {
        link->logged_us = now_us;
        log_error("cannot use the database, trying again: %s: source=%s%s%s by=\"%s\" seconds=%lld",
                  error->text, link->source->name, link->route->count > 1 ? " host=" : "",
                  link->route->count > 1 ? link->route->hosts[link->host].host : "", link->owner,
                  (long long) (now_us - link->failing_since_us) / 1000000);
    }
}

/* A node of a Galera cluster that has lost the others still answers reads. */
static enum db_status expect_primary_component(struct link *link, struct error *error)
{
    static const char sql[] = "SHOW GLOBAL STATUS LIKE 'wsrep_ready'";
    uint64_t on = 0;
    struct db_result *result;

    enum db_status status = db_query_u64(link->db, "SELECT @@GLOBAL.wsrep_on", &on, error);
    if (status != DB_OK || !on)
        return db_error_number(link->db) == UNKNOWN_VARIABLE ? DB_OK : status;
    status = db_query(link->db, sql, sizeof sql - 1, &result, error);
    if (status != DB_OK)
        return status;
    bool ready = db_result_next(result) && strcmp(db_text(result, 1, NULL), "ON") == 0;
    db_result_free(result);
    if (!ready)
        error_set(error, "the node is not part of its cluster (wsrep_ready)");
    return ready ? DB_OK : DB_READ_ONLY;
}

/* Reads go through on such a server. Without this look the link would seem to work again with the
 * first of them, and be lost again, with a line in the log for each, for as long as it lasts. */
static enum db_status expect_writable(struct link *link, struct error *error)
{
    uint64_t read_only = 0;
    if (!link->read_only && link->route->count == 1)
        return DB_OK;
    enum db_status status = db_query_u64(link->db, "SELECT @@GLOBAL.read_only", &read_only, error);
    if (status == DB_OK && read_only) {
        error_set(error, "the server takes no writes (read_only)");
        return DB_READ_ONLY;
    }
    return status == DB_OK ? expect_primary_component(link, error) : status;
}

static enum db_status open_session(struct link *link, struct error *error)
{
    struct db_options options;
    char sql[96];

    db_options_from(link->source, &options);
    link->host = link->route->current;
    options.host = link->route->hosts[link->host].host;
    options.port = link->route->hosts[link->host].port;
    enum db_status status = db_open(&options, &link->db, error);
    if (status != DB_OK)
        return status;
    /* lock_wait_timeout: a table that is locked as a whole must not look like a server that hangs.
     */
    snprintf(sql, sizeof sql, "SET SESSION wait_timeout = %d, lock_wait_timeout = 1",
             LINK_SERVER_WAITS_S);
    status = db_run(link->db, sql, error);
    if (status == DB_OK)
        status = expect_writable(link, error);
    if (status != DB_OK)
        link_close(link);
    link->opened += link->db != NULL;
    link->statements = 0;
    link->patient = false;
    return status;
}

struct db *link_get(struct link *link)
{
    struct error error = { "" };

    link_keep_alive(link);
    if (link->db && link->host != link->route->current)
        link_close(link); /* the others have moved on */
    if (link->db)
        return link->db;
    if (clock_now_us() < link->retry_at_us)
        return NULL;
    if (open_session(link, &error) != DB_OK) {
        fail(link, &error);
        return NULL;
    }
    return link->db;
}

/* False: the connection is closed, since the server has ended it. */
static bool tell(struct link *link, const char *sql)
{
    struct error error;
    if (db_run(link->db, sql, &error) == DB_OK)
        return true;
    /* Nothing was under way, and it can be had anew. */
    log_debug("an idle connection was ended: %s: source=%s by=\"%s\"", error.text,
              link->source->name, link->owner);
    link_close(link);
    return false;
}

static bool tell_to_wait(struct link *link, int seconds)
{
    char sql[64];
    snprintf(sql, sizeof sql, "SET SESSION wait_timeout = %d", seconds);
    return tell(link, sql);
}

struct db *link_get_to_lock(struct link *link)
{
    struct db *db = link_get(link);

    if (!db || !link->patient)
        return db;
    link->patient = false;
    return tell_to_wait(link, LINK_SERVER_WAITS_S) ? db : link_get(link);
}

void link_keep_alive(struct link *link)
{
    int64_t now_us = clock_now_us();

    if (!link->db)
        return;
    uint64_t statements = db_statement_count(link->db);
    int64_t quiet_us = statements == link->statements ? now_us - link->quiet_since_us : 0;
    if (statements == link->statements &&
        quiet_us < (link->patient ? PATIENT_LOOK_US : LINK_LOOK_EVERY_US))
        return;
    if (statements == link->statements) {
        if (!(link->patient ? tell(link, "DO 0") : tell_to_wait(link, PATIENT_S)))
            return;
        link->patient = true;
    }
    link->statements = db_statement_count(link->db);
    link->quiet_since_us = now_us;
}

static void recovered(struct link *link)
{
    if (link->failing_since_us)
        log_info("the database works again: source=%s by=\"%s\" seconds=%lld", link->source->name,
                 link->owner, (long long) (clock_now_us() - link->failing_since_us) / 1000000);
    if (link->failing_since_us)
        route_worked(link->route, link->host);
    link->failing_since_us = 0;
    link->logged_us = 0;
}

void link_report(struct link *link, enum db_status status, const struct error *error)
{
    if (status == DB_OK || status == DB_NO_ROW) {
        recovered(link);
        return;
    }
    if (status != DB_LOST && status != DB_READ_ONLY)
        return;
    link->read_only = status == DB_READ_ONLY;
    link_close(link);
    fail(link, error);
}

void link_refuse(struct link *link, const struct error *error)
{
    link_close(link);
    fail(link, error);
}

void link_close(struct link *link)
{
    db_close(link->db);
    link->db = NULL;
}
