#include "binlog_event.h"

#include <string.h>

enum {
    HEADER_SIZE = 19,
    CHECKSUM_SIZE = 4,
    CHECKSUM_OFF = 0,
    CHECKSUM_CRC32 = 1,
};

/* Bytes that are taken from the front, never beyond the end: once they were not enough, `bad`
 * stays. */
struct reader {
    const unsigned char *at, *end;
    bool bad;
};

static const unsigned char *take(struct reader *reader, size_t len)
{
    if (reader->bad || (size_t) (reader->end - reader->at) < len) {
        reader->bad = true;
        return NULL;
    }
    const unsigned char *taken = reader->at;
    reader->at += len;
    return taken;
}

static uint64_t little_endian(const unsigned char *bytes, size_t len)
{
    uint64_t value = 0;
    for (size_t i = len; i-- > 0;)
        value = value << 8 | bytes[i];
    return value;
}

static uint64_t big_endian(const unsigned char *bytes, size_t len)
{
    uint64_t value = 0;
    for (size_t i = 0; i < len; i++)
        value = value << 8 | bytes[i];
    return value;
}

static uint64_t take_number(struct reader *reader, size_t len)
{
    const unsigned char *bytes = take(reader, len);
    return bytes ? little_endian(bytes, len) : 0;
}

/* The protocol's number of one to nine bytes. */
static uint64_t take_packed(struct reader *reader)
{
    uint64_t first = take_number(reader, 1);
    if (first < 251)
        return first;
    if (first == 252)
        return take_number(reader, 2);
    if (first == 253)
        return take_number(reader, 3);
    if (first == 254)
        return take_number(reader, 8);
    reader->bad = true;
    return 0;
}

static struct reader reader_of(const struct binlog_event *event)
{
    return (struct reader){ .at = event->body, .end = event->body + event->body_len };
}

/* It ends with the number of the checksum algorithm and, whichever that is, four bytes for one. */
static bool read_format(struct binlog_format *format, const unsigned char *bytes, size_t len)
{
    enum { VERSION_SIZE = 2, SERVER_SIZE = 50, CREATED_SIZE = 4, HEADER_LENGTH_SIZE = 1 };
    const size_t fixed = VERSION_SIZE + SERVER_SIZE + CREATED_SIZE;

    if (len < HEADER_SIZE + fixed + HEADER_LENGTH_SIZE + 1 + CHECKSUM_SIZE)
        return false;
    const unsigned char *body = bytes + HEADER_SIZE;
    if (little_endian(body, VERSION_SIZE) != 4 || body[fixed] != HEADER_SIZE)
        return false;
    unsigned algorithm = bytes[len - CHECKSUM_SIZE - 1];
    if (algorithm != CHECKSUM_OFF && algorithm != CHECKSUM_CRC32)
        return false;
    format->checksums = algorithm == CHECKSUM_CRC32;
    format->known = true;
    return true;
}

bool binlog_event_read(struct binlog_format *format, const unsigned char *bytes, size_t len,
                       struct binlog_event *ret_event)
{
    struct reader reader = { .at = bytes, .end = bytes + len };
    struct binlog_event event;

    event.at_s = (uint32_t) take_number(&reader, 4);
    event.type = (unsigned) take_number(&reader, 1);
    take(&reader, 4); /* the server's id */
    uint64_t length = take_number(&reader, 4);
    take(&reader, 4); /* where the next one begins */
    event.flags = (uint16_t) take_number(&reader, 2);
    if (reader.bad || length != len)
        return false;
    if (event.type == BINLOG_FORMAT) {
        if (!read_format(format, bytes, len))
            return false;
        len -= CHECKSUM_SIZE;
    } else if (!format->known) {
        return false;
    } else if (format->checksums) {
        if (len < HEADER_SIZE + CHECKSUM_SIZE)
            return false;
        len -= CHECKSUM_SIZE;
    }
    event.body = bytes + HEADER_SIZE;
    event.body_len = len - HEADER_SIZE;
    *ret_event = event;
    return true;
}

bool binlog_query_read(const struct binlog_event *event, const char **ret_sql, size_t *ret_len)
{
    struct reader reader = reader_of(event);

    take(&reader, 4 + 4); /* thread, run time */
    uint64_t database_len = take_number(&reader, 1);
    take(&reader, 2); /* error */
    uint64_t variables_len = take_number(&reader, 2);
    take(&reader, variables_len);
    take(&reader, database_len + 1);
    if (reader.bad)
        return false;
    *ret_sql = (const char *) reader.at;
    *ret_len = (size_t) (reader.end - reader.at);
    return true;
}

/* How many bytes of metadata a type has. -1: not known. */
static int metadata_size(unsigned type)
{
    switch (type) {
    case BINLOG_TINY:
    case BINLOG_SHORT:
    case BINLOG_LONG:
    case BINLOG_LONGLONG:
    case BINLOG_INT24:
    case BINLOG_TIMESTAMP:
    case BINLOG_DATE:
    case BINLOG_TIME:
    case BINLOG_DATETIME:
    case BINLOG_YEAR:
        return 0;
    case BINLOG_FLOAT:
    case BINLOG_DOUBLE:
    case BINLOG_TIMESTAMP2:
    case BINLOG_DATETIME2:
    case BINLOG_TIME2:
    case BINLOG_BLOB:
    case BINLOG_JSON:
    case BINLOG_GEOMETRY:
        return 1;
    case BINLOG_VARCHAR:
    case BINLOG_VAR_STRING:
    case BINLOG_STRING:
    case BINLOG_BIT:
    case BINLOG_DECIMAL:
        return 2;
    default:
        return -1;
    }
}

/* The types' metadata stand one behind the other. What comes behind one whose size is not known
 * cannot be told: those columns are left as of type 0, which no row can be read with. */
static void read_columns(struct binlog_table *table, const unsigned char *types,
                         struct reader *metadata)
{
    bool lost = false;
    for (unsigned i = 0; i < table->column_count; i++) {
        int size = metadata_size(types[i]);
        lost = lost || size < 0;
        if (lost)
            continue;
        uint64_t value = take_number(metadata, (size_t) size);
        table->columns[i] = (struct binlog_column){ .type = types[i],
                                                    .metadata = (uint16_t) value };
        if (metadata->bad)
            return;
    }
}

bool binlog_table_read(const struct binlog_event *event, struct binlog_table *ret_table)
{
    struct reader reader = reader_of(event);
    struct binlog_table table = { .id = take_number(&reader, 6) };

    take(&reader, 2); /* flags */
    table.database_len = (size_t) take_number(&reader, 1);
    table.database = (const char *) take(&reader, table.database_len + 1);
    table.name_len = (size_t) take_number(&reader, 1);
    table.name = (const char *) take(&reader, table.name_len + 1);
    uint64_t count = take_packed(&reader);
    const unsigned char *types = take(&reader, count);
    uint64_t metadata_len = take_packed(&reader);
    const unsigned char *metadata = take(&reader, metadata_len);
    if (reader.bad || event->type != BINLOG_TABLE_MAP || count > UINT16_MAX)
        return false;
    table.column_count = (unsigned) count;
    if (count <= BINLOG_COLUMNS_MAX) {
        struct reader of_columns = { .at = metadata, .end = metadata + metadata_len };
        read_columns(&table, types, &of_columns);
        if (of_columns.bad)
            return false;
    }
    *ret_table = table;
    return true;
}

/* Every number that rows events go by. */
static const struct rows_type {
    uint8_t type;
    uint8_t kind;
    bool second; /* version 2: further data before the columns */
    bool opaque;
} rows_types[] = {
    { 23, BINLOG_WRITE, false, false },
    { 24, BINLOG_UPDATE, false, false },
    { 25, BINLOG_DELETE, false, false },
    { 30, BINLOG_WRITE, true, false },
    { 31, BINLOG_UPDATE, true, false },
    { 32, BINLOG_DELETE, true, false },
    { BINLOG_PARTIAL_UPDATE_ROWS, BINLOG_UPDATE, true, true },
    /* MariaDB's log_bin_compress; the table's number stands in the clear */
    { 166, BINLOG_WRITE, false, true },
    { 167, BINLOG_UPDATE, false, true },
    { 168, BINLOG_DELETE, false, true },
    { 169, BINLOG_WRITE, true, true },
    { 170, BINLOG_UPDATE, true, true },
    { 171, BINLOG_DELETE, true, true },
};

static const struct rows_type *find_rows_type(unsigned type)
{
    for (size_t i = 0; i < sizeof rows_types / sizeof *rows_types; i++)
        if (rows_types[i].type == type)
            return &rows_types[i];
    return NULL;
}

bool binlog_event_has_rows(const struct binlog_event *event)
{
    return find_rows_type(event->type) != NULL;
}

bool binlog_rows_read(const struct binlog_event *event, struct binlog_rows *ret_rows)
{
    const struct rows_type *type = find_rows_type(event->type);
    struct reader reader = reader_of(event);

    if (!type)
        return false;
    struct binlog_rows rows = { .kind = (enum binlog_rows_kind) type->kind,
                                .table_id = take_number(&reader, 6),
                                .opaque = type->opaque };
    take(&reader, 2); /* flags */
    if (type->second) {
        uint64_t extra_len = take_number(&reader, 2); /* its own two bytes included */
        if (extra_len < 2)
            return false;
        take(&reader, extra_len - 2);
    }
    if (!rows.opaque) {
        uint64_t count = take_packed(&reader);
        if (count > UINT16_MAX)
            return false;
        rows.column_count = (unsigned) count;
        rows.before = rows.after = take(&reader, (count + 7) / 8);
        if (rows.kind == BINLOG_UPDATE)
            rows.after = take(&reader, (count + 7) / 8);
    }
    if (reader.bad)
        return false;
    rows.at = reader.at;
    rows.end = reader.end;
    *ret_rows = rows;
    return true;
}

static bool is_set(const unsigned char *bitmap, unsigned bit)
{
    return bitmap[bit / 8] >> bit % 8 & 1;
}

/* Bytes of a length in front, then as many as it says. */
static void take_sized(struct reader *reader, size_t length_size, struct binlog_value *value)
{
    value->len = (size_t) take_number(reader, length_size);
    value->bytes = take(reader, value->len);
}

static void take_fixed(struct reader *reader, size_t len, struct binlog_value *value)
{
    value->len = len;
    value->bytes = take(reader, len);
}

/* The metadata of CHAR, ENUM and SET: the real type, and its length; of a CHAR the two upper bits
 * of the length, turned over, are put into the type. */
static void take_string(struct reader *reader, unsigned metadata, struct binlog_value *value)
{
    enum { ENUM_TYPE = 247, SET_TYPE = 248 };
    unsigned type = metadata & 0xff, len = metadata >> 8;

    if ((type & 0x30) != 0x30) {
        len |= ((type & 0x30) ^ 0x30) << 4;
        type |= 0x30;
    }
    if (type == ENUM_TYPE || type == SET_TYPE)
        take_fixed(reader, len, value);
    else
        take_sized(reader, len > 255 ? 2 : 1, value);
}

static size_t fraction_size(unsigned digits)
{
    return (digits + 1) / 2;
}

/* A value as its column has it. What is not known spoils the reader: nothing behind it can be
 * found. So do the times in the format from before MySQL 5.6: MariaDB has kinds of them with a
 * fraction, of which the event does not say how long they are. */
static void take_value(struct reader *reader, const struct binlog_column *column,
                       struct binlog_value *value)
{
    switch (column->type) {
    case BINLOG_TINY:
    case BINLOG_YEAR:
        take_fixed(reader, 1, value);
        break;
    case BINLOG_SHORT:
        take_fixed(reader, 2, value);
        break;
    case BINLOG_INT24:
    case BINLOG_DATE:
        take_fixed(reader, 3, value);
        break;
    case BINLOG_LONG:
        take_fixed(reader, 4, value);
        break;
    case BINLOG_LONGLONG:
        take_fixed(reader, 8, value);
        break;
    case BINLOG_FLOAT:
    case BINLOG_DOUBLE:
        take_fixed(reader, column->metadata, value);
        break;
    case BINLOG_TIMESTAMP2:
        take_fixed(reader, 4 + fraction_size(column->metadata), value);
        break;
    case BINLOG_DATETIME2:
        take_fixed(reader, 5 + fraction_size(column->metadata), value);
        break;
    case BINLOG_TIME2:
        take_fixed(reader, 3 + fraction_size(column->metadata), value);
        break;
    case BINLOG_VARCHAR:
    case BINLOG_VAR_STRING:
        take_sized(reader, column->metadata > 255 ? 2 : 1, value);
        break;
    case BINLOG_BLOB:
    case BINLOG_JSON:
    case BINLOG_GEOMETRY:
        if (column->metadata < 1 || column->metadata > 4)
            reader->bad = true;
        else
            take_sized(reader, column->metadata, value);
        break;
    case BINLOG_STRING:
        take_string(reader, column->metadata, value);
        break;
    default:
        reader->bad = true;
    }
}

/* One image: which of its columns are NULL, then the others' values. */
static void take_image(struct reader *reader, const struct binlog_table *table,
                       const unsigned char *present, struct binlog_value *values)
{
    unsigned count = 0;
    for (unsigned i = 0; i < table->column_count; i++)
        count += is_set(present, i);
    const unsigned char *nulls = take(reader, (count + 7) / 8);

    unsigned bit = 0;
    for (unsigned i = 0; i < table->column_count && !reader->bad; i++) {
        values[i] = (struct binlog_value){ .present = is_set(present, i) };
        if (!values[i].present)
            continue;
        values[i].null = is_set(nulls, bit++);
        if (!values[i].null)
            take_value(reader, &table->columns[i], &values[i]);
    }
}

int binlog_rows_next(struct binlog_rows *rows, const struct binlog_table *table,
                     struct binlog_value *values)
{
    struct reader reader = { .at = rows->at, .end = rows->end };

    if (rows->opaque || rows->column_count != table->column_count || rows->column_count == 0 ||
        rows->column_count > BINLOG_COLUMNS_MAX)
        return -1;
    if (rows->at == rows->end)
        return 0;
    take_image(&reader, table, rows->before, values);
    if (rows->kind == BINLOG_UPDATE)
        take_image(&reader, table, rows->after, values);
    if (reader.bad || reader.at == rows->at) /* an image of nothing would never end */
        return -1;
    rows->at = reader.at;
    return 1;
}

bool binlog_timestamp_us(const struct binlog_value *value, unsigned fraction, int64_t *ret_us)
{
    static const int64_t unit_us[] = { 0, 10000, 100, 1 }; /* of the fraction, by its bytes */

    if (fraction > 6 || !value->present || value->null || !value->bytes ||
        value->len != 4 + fraction_size(fraction))
        return false;
    size_t size = fraction_size(fraction);
    *ret_us = (int64_t) big_endian(value->bytes, 4) * 1000000 +
              (int64_t) big_endian(value->bytes + 4, size) * unit_us[size];
    return true;
}
