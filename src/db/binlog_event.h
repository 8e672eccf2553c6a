#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The events of a binlog, from their bytes: version 4 of the format, which every server that dueq
 * runs on writes. Pure: no connection, no memory of its own, and nothing is read beyond the length
 * that is given, whatever the bytes are. Pointers that come out point into the bytes that went in.
 *
 * Only what tells which rows of which table were written is taken apart. */

enum binlog_event_type {
    BINLOG_QUERY = 2,
    BINLOG_STOP = 3,
    BINLOG_ROTATE = 4,
    BINLOG_FORMAT = 15,
    BINLOG_XID = 16,
    BINLOG_EXECUTE_LOAD_QUERY = 18,
    BINLOG_TABLE_MAP = 19,
    BINLOG_INCIDENT = 26,
    BINLOG_HEARTBEAT = 27,
    BINLOG_ROWS_QUERY = 29,
    BINLOG_GTID = 33,
    BINLOG_XA_PREPARE = 38,
    BINLOG_PARTIAL_UPDATE_ROWS = 39, /* MySQL's binlog_row_value_options = PARTIAL_JSON */
    BINLOG_TRANSACTION_PAYLOAD = 40, /* MySQL: a compressed transaction */
    BINLOG_HEARTBEAT_V2 = 41,
    BINLOG_MYSQL_LAST = 42, /* the last number that we know MySQL to use */
    BINLOG_MARIADB_FIRST = 160,
    BINLOG_MARIADB_GTID = 162,
    BINLOG_QUERY_COMPRESSED = 165,
    BINLOG_MARIADB_LAST = 171,
};

struct binlog_event {
    unsigned type;  /* enum binlog_event_type, or another */
    uint32_t at_s;  /* when its statement began, by the server's clock; 0: made up by the server */
    uint16_t flags; /* of its header */
    const unsigned char *body; /* without header and checksum */
    size_t body_len;
};

/* What the format event at the head of each file says of those that follow. Zero-initialise it for
 * each stream. */
struct binlog_format {
    bool known;
    bool checksums;
};

/* Takes the header off; a format event is noted in *format. False: no event, or, before the first
 * format event, one that cannot be told yet. */
bool binlog_event_read(struct binlog_format *format, const unsigned char *bytes, size_t len,
                       struct binlog_event *ret_event);

/* What a query event runs, without an end. False: malformed. */
bool binlog_query_read(const struct binlog_event *event, const char **ret_sql, size_t *ret_len);

enum { BINLOG_COLUMNS_MAX = 64 };

/* A table map: the number that rows events call a table by, until the end of the transaction. */
struct binlog_table {
    uint64_t id;
    const char *database, *name; /* not NUL-terminated */
    size_t database_len, name_len;
    unsigned column_count; /* may be above BINLOG_COLUMNS_MAX: there are no types then */
    struct binlog_column {
        uint8_t type;      /* enum binlog_column_type, or another */
        uint16_t metadata; /* as the type has it: lengths, fractions */
    } columns[BINLOG_COLUMNS_MAX];
};

enum binlog_column_type {
    BINLOG_TINY = 1,
    BINLOG_SHORT = 2,
    BINLOG_LONG = 3,
    BINLOG_FLOAT = 4,
    BINLOG_DOUBLE = 5,
    BINLOG_TIMESTAMP = 7,
    BINLOG_LONGLONG = 8,
    BINLOG_INT24 = 9,
    BINLOG_DATE = 10,
    BINLOG_TIME = 11,
    BINLOG_DATETIME = 12,
    BINLOG_YEAR = 13,
    BINLOG_VARCHAR = 15,
    BINLOG_BIT = 16,
    BINLOG_TIMESTAMP2 = 17,
    BINLOG_DATETIME2 = 18,
    BINLOG_TIME2 = 19,
    BINLOG_JSON = 245,
    BINLOG_DECIMAL = 246,
    BINLOG_BLOB = 252,
    BINLOG_VAR_STRING = 253,
    BINLOG_STRING = 254, /* CHAR, ENUM and SET: metadata says which */
    BINLOG_GEOMETRY = 255,
};

bool binlog_table_read(const struct binlog_event *event, struct binlog_table *ret_table);

/* A rows event: images of rows that were written, changed or removed. */
enum binlog_rows_kind { BINLOG_WRITE, BINLOG_UPDATE, BINLOG_DELETE };

struct binlog_rows {
    enum binlog_rows_kind kind;
    uint64_t table_id;
    bool opaque; /* compressed, or partial: the rows cannot be read */
    unsigned column_count;
    const unsigned char *before, *after; /* bitmaps of the columns that the images have */
    const unsigned char *at, *end;       /* the rows that are still to come */
};

/* Is it a rows event of whatever kind? Those from before MySQL 5.1.18 are none. */
bool binlog_event_has_rows(const struct binlog_event *event);

/* False: none, or malformed. */
bool binlog_rows_read(const struct binlog_event *event, struct binlog_rows *ret_rows);

struct binlog_value {
    bool present; /* the image has the column at all */
    bool null;
    const unsigned char *bytes; /* as the server stores it, without the length in front */
    size_t len;
};

/* The next row as it is afterwards (of a DELETE: as it was). values: room for
 * table->column_count. 1: a row; 0: no more; -1: malformed, or of a column that is not known. */
int binlog_rows_next(struct binlog_rows *rows, const struct binlog_table *table,
                     struct binlog_value *values);

/* TIMESTAMP2 with `fraction` digits, in microseconds since 1970; 0 for the zero date. False: not of
 * that length. */
bool binlog_timestamp_us(const struct binlog_value *value, unsigned fraction, int64_t *ret_us);
