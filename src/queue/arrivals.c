#include "arrivals.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

enum db_status arrivals_open(struct arrivals *arrivals, struct db *db, struct error *error)
{
    static const char sql[] =
        "SELECT DATABASE(), COUNT(*),"
        " SUM(IF(column_name = 'queue', ordinal_position, 0)),"
        " SUM(IF(column_name = 'next_run_at', ordinal_position, 0)),"
        " SUM(IF(column_name = 'lease', ordinal_position, 0))"
        " FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = "
        "'dueq_job'";
    struct db_result *result;

    *arrivals = (struct arrivals){ .queue_count = 0 };
    enum db_status status = db_query(db, sql, sizeof sql - 1, &result, error);
    if (status != DB_OK) {
        error_prefix(error, "reading the columns of dueq_job");
        return status;
    }
    if (db_result_next(result)) {
        const char *database = db_text(result, 0, NULL);
        uint64_t at[] = { db_u64(result, 2), db_u64(result, 3), db_u64(result, 4) };
        snprintf(arrivals->database, sizeof arrivals->database, "%s", database ? database : "");
        if (at[0] && at[1] && at[2]) {
            arrivals->column_count = (unsigned) db_u64(result, 1);
            arrivals->queue_column = (unsigned) at[0] - 1;
            arrivals->next_run_at_column = (unsigned) at[1] - 1;
            arrivals->lease_column = (unsigned) at[2] - 1;
        }
    }
    db_result_free(result);
    return DB_OK;
}

void arrivals_begin(struct arrivals *arrivals)
{
    arrivals->format = (struct binlog_format){ .known = false };
    arrivals->job_mapped = arrivals->control_mapped = false;
    arrivals->ended = true;
}

static void clear(struct arrivals *arrivals)
{
    arrivals->queue_count = 0;
    arrivals->anything = arrivals->control = arrivals->ended = false;
    arrivals->committed_s = 0;
}

/* The transaction is over; is there anything to say of it? */
static bool end(struct arrivals *arrivals, const struct binlog_event *event)
{
    arrivals->ended = true;
    arrivals->committed_s = event->at_s;
    return arrivals->queue_count > 0 || arrivals->anything || arrivals->control;
}

static bool is_called(const char *name, size_t len, const char *wanted)
{
    return strlen(wanted) == len && strncasecmp(name, wanted, len) == 0;
}

/* The names are compared without their case, which a server may or may not keep: a database that
 * differs in nothing else rings a little too often. */
static void read_table(struct arrivals *arrivals, const struct binlog_event *event)
{
    struct binlog_table table;

    if (!binlog_table_read(event, &table)) {
        arrivals->anything = true;
        return;
    }
    if (!is_called(table.database, table.database_len, arrivals->database))
        return;
    if (is_called(table.name, table.name_len, "dueq_queue")) {
        arrivals->control_id = table.id;
        arrivals->control_mapped = true;
    } else if (is_called(table.name, table.name_len, "dueq_job")) {
        arrivals->job = table;
        arrivals->job_mapped = true;
        /* Where the table was altered since it was looked at, the number of columns tells; a column
         * that is another one by its type, too. */
        arrivals->job_readable = table.column_count == arrivals->column_count &&
                                 table.column_count <= BINLOG_COLUMNS_MAX &&
                                 table.columns[arrivals->queue_column].type == BINLOG_VARCHAR &&
                                 table.columns[arrivals->next_run_at_column].type ==
                                     BINLOG_TIMESTAMP2 &&
                                 table.columns[arrivals->lease_column].type == BINLOG_LONGLONG;
    }
}

static struct arrival *find_queue(struct arrivals *arrivals, const struct binlog_value *name)
{
    for (size_t i = 0; i < arrivals->queue_count; i++) {
        struct arrival *arrival = &arrivals->queues[i];
        if (strlen(arrival->queue) == name->len &&
            memcmp(arrival->queue, name->bytes, name->len) == 0)
            return arrival;
    }
    if (arrivals->queue_count == ARRIVALS_QUEUES_MAX || name->len >= sizeof arrivals->queues->queue)
        return NULL;
    struct arrival *arrival = &arrivals->queues[arrivals->queue_count++];
    memcpy(arrival->queue, name->bytes, name->len);
    arrival->queue[name->len] = '\0';
    arrival->jobs = 0;
    arrival->first_us = INT64_MAX;
    return arrival;
}

/* An image without these columns (binlog_row_image = MINIMAL) is one of a row in which they did not
 * change: what was put off before may be due now. */
static void count_row(struct arrivals *arrivals, const struct binlog_value *values)
{
    const struct binlog_value *queue = &values[arrivals->queue_column];
    const struct binlog_value *next_run_at = &values[arrivals->next_run_at_column];
    const struct binlog_value *lease = &values[arrivals->lease_column];
    int64_t due_us;

    if (lease->present && !lease->null)
        return;
    unsigned fraction = arrivals->job.columns[arrivals->next_run_at_column].metadata;
    if (!queue->present || queue->null || !binlog_timestamp_us(next_run_at, fraction, &due_us)) {
        arrivals->anything = true;
        return;
    }
    struct arrival *arrival = find_queue(arrivals, queue);
    if (!arrival) {
        arrivals->anything = true;
        return;
    }
    arrival->jobs++;
    if (due_us < arrival->first_us)
        arrival->first_us = due_us;
}

static void read_rows(struct arrivals *arrivals, const struct binlog_event *event)
{
    struct binlog_value values[BINLOG_COLUMNS_MAX];
    struct binlog_rows rows;
    int more = -1;

    if (!binlog_rows_read(event, &rows)) {
        arrivals->anything = true;
        return;
    }
    if (arrivals->control_mapped && rows.table_id == arrivals->control_id)
        arrivals->control = true;
    if (!arrivals->job_mapped || rows.table_id != arrivals->job.id || rows.kind == BINLOG_DELETE)
        return;
    if (arrivals->job_readable)
        while ((more = binlog_rows_next(&rows, &arrivals->job, values)) > 0)
            count_row(arrivals, values);
    if (more < 0)
        arrivals->anything = true;
}

/* Anywhere in a statement, which may have megabytes and be about anything. */
static bool names(const char *sql, size_t len, const char *table)
{
    size_t table_len = strlen(table);
    for (size_t i = 0; i + table_len <= len; i++)
        if ((sql[i] == 'd' || sql[i] == 'D') && strncasecmp(sql + i, table, table_len) == 0)
            return true;
    return false;
}

static bool begins_with(const char *sql, size_t len, const char *word)
{
    return len >= strlen(word) && strncasecmp(sql, word, strlen(word)) == 0;
}

/* A statement: one that bounds a transaction, one that is logged as text (binlog_format = MIXED or
 * STATEMENT), or one that changes a table's form, which ends a transaction itself. */
static bool read_query(struct arrivals *arrivals, const struct binlog_event *event)
{
    const char *sql;
    size_t len;

    if (!binlog_query_read(event, &sql, &len)) {
        arrivals->anything = true;
        return false;
    }
    if (begins_with(sql, len, "COMMIT"))
        return end(arrivals, event);
    /* What was prepared is long forgotten here. */
    if (begins_with(sql, len, "XA COMMIT")) {
        arrivals->anything = true;
        return end(arrivals, event);
    }
    if (len == strlen("ROLLBACK") && begins_with(sql, len, "ROLLBACK")) {
        clear(arrivals);
        return false;
    }
    arrivals->anything |= names(sql, len, "dueq_job");
    arrivals->control |= names(sql, len, "dueq_queue");
    return false;
}

/* An event before which whatever stands open has ended, since it can only stand between two
 * transactions: a statement that needs no COMMIT has ended its own. */
static bool stands_between(const struct binlog_event *event)
{
    switch (event->type) {
    case BINLOG_GTID:
    case BINLOG_GTID + 1: /* the anonymous one */
    case BINLOG_MARIADB_GTID:
    case BINLOG_ROTATE:
    case BINLOG_HEARTBEAT:
    case BINLOG_HEARTBEAT_V2:
        return true;
    default:
        return false;
    }
}

/* Later servers may write what we have never heard of. */
static bool is_known(const struct binlog_event *event)
{
    return event->type <= BINLOG_MYSQL_LAST ||
           (event->type >= BINLOG_MARIADB_FIRST && event->type <= BINLOG_MARIADB_LAST);
}

bool arrivals_read(struct arrivals *arrivals, const unsigned char *bytes, size_t len)
{
    struct binlog_event event;

    if (arrivals->ended)
        clear(arrivals);
    if (!binlog_event_read(&arrivals->format, bytes, len, &event)) {
        /* Before the first format event there is only the name of the file. */
        arrivals->anything |= arrivals->format.known;
        return false;
    }
    if (stands_between(&event))
        return end(arrivals, &event);
    if (binlog_event_has_rows(&event)) {
        read_rows(arrivals, &event);
        return false;
    }
    switch (event.type) {
    case BINLOG_TABLE_MAP:
        read_table(arrivals, &event);
        return false;
    case BINLOG_QUERY:
        return read_query(arrivals, &event);
    case BINLOG_XID:
    case BINLOG_XA_PREPARE: /* may be a COMMIT in one; else its rows are looked for too early */
        return end(arrivals, &event);
    case BINLOG_FORMAT: /* tables are numbered anew after a restart */
        arrivals->job_mapped = arrivals->control_mapped = false;
        return false;
    case BINLOG_TRANSACTION_PAYLOAD: /* zstd: not taken apart */
        arrivals->anything = arrivals->control = true;
        return end(arrivals, &event);
    case BINLOG_EXECUTE_LOAD_QUERY:
        arrivals->anything |= names((const char *) event.body, event.body_len, "dueq_job");
        return false;
    case BINLOG_QUERY_COMPRESSED:
    case BINLOG_INCIDENT:
        arrivals->anything = arrivals->control = true;
        return false;
    default:
        arrivals->anything |= !is_known(&event);
        return false;
    }
}
