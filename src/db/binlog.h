#pragma once

#include <stddef.h>
#include <stdint.h>

#include "connection.h"

/* The binlog of a server as it is written, followed as a replica follows it: from its present end
 * on. What the bytes of an event mean is binlog_event.h's. Nothing is ever acknowledged (no
 * semi-sync), so no commit waits for us. */
struct binlog;

/* Why it cannot be followed, beyond what enum db_status says. */
enum binlog_trouble {
    BINLOG_NO_TROUBLE,
    BINLOG_OFF,    /* the server writes none */
    BINLOG_DENIED, /* the user lacks a privilege */
    BINLOG_GONE,   /* the place was lost (purged, or another replica has our number): from its end
                      again */
    BINLOG_OTHER,
};

/* What to do about it, to be put behind the words: "; …", or "" where they say it all. */
const char *binlog_advice(enum binlog_trouble trouble);

/* Starts at the end as it is now: what is committed after this has returned is seen, and some of
 * what was committed just before may be. Borrows `db`, over which nothing else can be sent then
 * but binlog_next and, from any thread, db_abort. While nothing is written the server says so each
 * heartbeat_us: less than the read timeout of `db`. A refusal may show only in the first
 * binlog_next. */
enum db_status binlog_open(struct db *db, int64_t heartbeat_us, struct binlog **ret_binlog,
                           enum binlog_trouble *ret_trouble, struct error *error)
    __attribute__((warn_unused_result));
void binlog_close(struct binlog *binlog); /* before its db is closed; takes NULL */

/* Waits for an event, a heartbeat among them. Valid until the next call. On anything but DB_OK the
 * connection is of no use any more; *ret_trouble is set when it was not lost (DB_FATAL). */
enum db_status binlog_next(struct binlog *binlog, const unsigned char **ret_event, size_t *ret_len,
                           enum binlog_trouble *ret_trouble, struct error *error)
    __attribute__((warn_unused_result));

/* May this user follow this server's binlog, and is there one? DB_FATAL with *ret_trouble and
 * words. What only shows at the first event (REPLICATION SLAVE) is found by opening it: the
 * connection can do nothing else afterwards. */
enum db_status binlog_try(struct db *db, enum binlog_trouble *ret_trouble, struct error *error)
    __attribute__((warn_unused_result));
