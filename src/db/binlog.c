#include "binlog.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "client_dump.h"
#include "handle.h"
#include "random.h"

enum {
    ER_ACCESS_DENIED = 1045,
    ER_SPECIFIC_ACCESS_DENIED = 1227,
    ER_PARSE = 1064,
    ER_NOT_BINLOG = 1236, /* ER_MASTER_FATAL_ERROR_READING_BINLOG */
    ER_SAME_NUMBER = 4052,
};

struct binlog {
    struct db *db;
    struct client_dump *dump;
};

struct place {
    char file[512];
    uint64_t position;
};

static enum binlog_trouble trouble_of(unsigned number)
{
    switch (number) {
    case ER_ACCESS_DENIED:
    case ER_SPECIFIC_ACCESS_DENIED:
        return BINLOG_DENIED;
    case ER_NOT_BINLOG:
    case ER_SAME_NUMBER:
        return BINLOG_GONE;
    default:
        return BINLOG_OTHER;
    }
}

const char *binlog_advice(enum binlog_trouble trouble)
{
    switch (trouble) {
    case BINLOG_DENIED:
        return "; the database user needs GRANT REPLICATION SLAVE, REPLICATION CLIENT ON *.* "
               "(schema/grants_doorbell.sql)";
    case BINLOG_OFF:
        return "; start the server with log_bin, or set doorbell = \"off\"";
    default:
        return "";
    }
}

/* Where the end is. MySQL 8.2 has a new word for it, and 8.4 has dropped the old one. */
static enum db_status read_end(struct db *db, struct place *ret_place,
                               enum binlog_trouble *ret_trouble, struct error *error)
{
    static const char *const statements[] = { "SHOW MASTER STATUS", "SHOW BINARY LOG STATUS" };
    struct db_result *result = NULL;
    enum db_status status = DB_FATAL;
    struct buffer sql = { 0 };
    struct error words;

    for (size_t i = 0; i < sizeof statements / sizeof *statements; i++) {
        buffer_clear(&sql);
        buffer_append_text(&sql, statements[i]);
        status = db_query_buffer(db, &sql, &result, &words);
        if (status != DB_FATAL || db_error_number(db) != ER_PARSE)
            break;
    }
    buffer_done(&sql);
    if (status != DB_OK) {
        error_set(error, "%s", words.text);
        *ret_trouble = trouble_of(db_error_number(db));
        return status;
    }
    if (!db_result_next(result)) {
        error_set(error, "the server writes no binlog (log_bin is off)");
        *ret_trouble = BINLOG_OFF;
        status = DB_FATAL;
    } else {
        const char *file = db_text(result, 0, NULL);
        snprintf(ret_place->file, sizeof ret_place->file, "%s", file ? file : "");
        ret_place->position = db_u64(result, 1);
    }
    db_result_free(result);
    return status;
}

/* What a replica tells the server before it asks for events. Each server, and each age of MySQL,
 * looks at the names that it knows. The checksums are left on where the server has them: it is told
 * that we know what they are. Capability 4: MariaDB sends its GTID events as they are, instead of
 * dressing them up for an old replica. */
static enum db_status introduce(struct db *db, int64_t heartbeat_us, struct error *error)
{
    char sql[320];
    long long ns = (long long) heartbeat_us * 1000;

    snprintf(sql, sizeof sql,
             "SET @master_binlog_checksum = @@GLOBAL.binlog_checksum,"
             " @source_binlog_checksum = @@GLOBAL.binlog_checksum,"
             " @master_heartbeat_period = %lld, @source_heartbeat_period = %lld,"
             " @mariadb_slave_capability = 4",
             ns, ns);
    return db_run(db, sql, error);
}

/* The server ends the stream of an older replica when a new one has its number; daemons, and the
 * replicas that administrators number, must not meet. 2^31 numbers that nobody gives by hand. */
static uint32_t choose_server_id(void)
{
    return 0x80000000U | (uint32_t) (random_u64() % 0x7ffffffeU);
}

enum db_status binlog_open(struct db *db, int64_t heartbeat_us, struct binlog **ret_binlog,
                           enum binlog_trouble *ret_trouble, struct error *error)
{
    struct place place;

    *ret_trouble = BINLOG_OTHER;
    enum db_status status = introduce(db, heartbeat_us, error);
    if (status == DB_OK)
        status = read_end(db, &place, ret_trouble, error);
    if (status != DB_OK)
        return status;
    if (place.position > UINT32_MAX) {
        /* The request has 32 bits for it. It is a single transaction that has made the file so. */
        error_set(error,
                  "the binlog file %s is larger than 4 GiB, and cannot be followed before the next "
                  "one begins (FLUSH BINARY LOGS)",
                  place.file);
        return DB_FATAL;
    }
    struct binlog *binlog = calloc(1, sizeof *binlog);
    if (!binlog) {
        error_set(error, "out of memory");
        return DB_FATAL;
    }
    binlog->db = db;
    if (client_dump_open(db_handle(db), place.file, (uint32_t) place.position, choose_server_id(),
                         &binlog->dump) != 0) {
        status = binlog->dump ? db_failure(db, error) : DB_FATAL;
        if (!binlog->dump)
            error_set(error, "out of memory");
        assert(status != DB_OK);
        *ret_trouble = trouble_of(db_error_number(db));
        binlog_close(binlog);
        return status;
    }
    *ret_trouble = BINLOG_NO_TROUBLE;
    *ret_binlog = binlog;
    return DB_OK;
}

void binlog_close(struct binlog *binlog)
{
    if (!binlog)
        return;
    client_dump_close(binlog->dump);
    free(binlog);
}

enum db_status binlog_next(struct binlog *binlog, const unsigned char **ret_event, size_t *ret_len,
                           enum binlog_trouble *ret_trouble, struct error *error)
{
    if (client_dump_next(binlog->dump, ret_event, ret_len) == 0) {
        *ret_trouble = BINLOG_NO_TROUBLE;
        return DB_OK;
    }
    unsigned number = db_error_number(binlog->db);
    *ret_trouble = trouble_of(number);
    if (number == 0) {
        error_set(error, "the server has ended the stream of its binlog");
        return DB_LOST;
    }
    return db_failure(binlog->db, error);
}

enum db_status binlog_try(struct db *db, enum binlog_trouble *ret_trouble, struct error *error)
{
    struct binlog *binlog;
    const unsigned char *event;
    size_t len;

    enum db_status status = binlog_open(db, 1000000, &binlog, ret_trouble, error);
    if (status != DB_OK)
        return status;
    status = binlog_next(binlog, &event, &len, ret_trouble, error);
    binlog_close(binlog);
    return status;
}
