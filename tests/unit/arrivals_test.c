#include "arrivals.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

/* Binlogs as servers wrote them, by tests/unit/binlog/record, and what is to be read from them. */

#define NOW INT64_C(1767323045250000) /* the time that every statement was given */
#define SECOND INT64_C(1000000)

struct recording {
    unsigned char *bytes;
    size_t len, at;
};

static struct recording load(const char *name)
{
    enum { MAGIC_SIZE = 4, ROOM = 65536 };
    char path[256];
    struct recording recording = { .bytes = malloc(ROOM), .at = MAGIC_SIZE };
    snprintf(path, sizeof path, DUEQ_SOURCE_DIR "/tests/unit/binlog/%s.binlog", name);
    FILE *file = fopen(path, "re");
    if (!file || !recording.bytes)
        fail_msg("no %s", path);
    recording.len = fread(recording.bytes, 1, ROOM, file);
    fclose(file);
    assert_in_range(recording.len, 1000, ROOM - 1);
    return recording;
}

static bool next_event(struct recording *recording, const unsigned char **ret_event,
                       size_t *ret_len)
{
    enum { LENGTH_AT = 9, HEADER_SIZE = 19 };
    if (recording->at + HEADER_SIZE > recording->len)
        return false;
    const unsigned char *event = recording->bytes + recording->at;
    *ret_event = event;
    *ret_len = (size_t) event[LENGTH_AT] | (size_t) event[LENGTH_AT + 1] << 8;
    recording->at += *ret_len;
    return recording->at <= recording->len;
}

/* As arrivals_open reads it from the schema. */
static void begin(struct arrivals *arrivals)
{
    *arrivals = (struct arrivals){ .database = "shop",
                                   .column_count = 15,
                                   .queue_column = 1,
                                   .next_run_at_column = 6,
                                   .lease_column = 11 };
    arrivals_begin(arrivals);
}

static bool next_arrival(struct recording *recording, struct arrivals *arrivals)
{
    const unsigned char *event;
    size_t len;
    while (next_event(recording, &event, &len))
        if (arrivals_read(arrivals, event, len))
            return true;
    return false;
}

static void expect_next(struct recording *recording, struct arrivals *arrivals)
{
    if (!next_arrival(recording, arrivals))
        fail_msg("no more arrivals");
}

static void expect_queue(const struct arrivals *arrivals, size_t i, const char *queue,
                         uint64_t jobs, int64_t first_us)
{
    assert_true(i < arrivals->queue_count);
    assert_string_equal(arrivals->queues[i].queue, queue);
    assert_int_equal(arrivals->queues[i].jobs, jobs);
    assert_int_equal(arrivals->queues[i].first_us, first_us);
}

static void expect_only(const struct arrivals *arrivals, const char *queue, uint64_t jobs,
                        int64_t first_us)
{
    assert_int_equal(arrivals->queue_count, 1);
    assert_false(arrivals->anything);
    assert_false(arrivals->control);
    expect_queue(arrivals, 0, queue, jobs, first_us);
}

static void expect_anything(const struct arrivals *arrivals)
{
    assert_true(arrivals->anything);
    assert_int_equal(arrivals->queue_count, 0);
}

static void read_recording(const char *name)
{
    struct recording recording = load(name);
    struct arrivals arrivals;

    begin(&arrivals);
    expect_next(&recording, &arrivals); /* due at once */
    expect_only(&arrivals, "default", 1, NOW);
    assert_int_equal(arrivals.committed_s, NOW / SECOND);

    expect_next(&recording, &arrivals); /* three at once */
    assert_int_equal(arrivals.queue_count, 2);
    assert_false(arrivals.anything);
    expect_queue(&arrivals, 0, "mail", 2, NOW + 3600 * SECOND);
    expect_queue(&arrivals, 1, "default", 1, NOW - SECOND);

    expect_next(&recording, &arrivals); /* put off for a retry */
    expect_only(&arrivals, "default", 1, NOW + 10 * SECOND);

    expect_next(&recording, &arrivals); /* paused */
    assert_true(arrivals.control);
    assert_false(arrivals.anything);
    assert_int_equal(arrivals.queue_count, 0);

    expect_next(&recording, &arrivals); /* made due earlier, with a minimal image */
    expect_anything(&arrivals);

    expect_next(&recording, &arrivals); /* without its payload */
    expect_only(&arrivals, "mail", 1, NOW + 60 * SECOND);

    expect_next(&recording, &arrivals); /* as a statement */
    expect_anything(&arrivals);

    expect_next(&recording, &arrivals); /* prepared: looked for, in vain */
    expect_only(&arrivals, "default", 1, NOW);
    expect_next(&recording, &arrivals); /* and committed */
    expect_anything(&arrivals);

    expect_next(&recording, &arrivals); /* compressed */
    expect_anything(&arrivals);

    expect_next(&recording, &arrivals); /* the table is altered */
    expect_anything(&arrivals);
    expect_next(&recording, &arrivals); /* and is not as we know it any more */
    expect_anything(&arrivals);
    assert_false(next_arrival(&recording, &arrivals));
    free(recording.bytes);
}

static void what_mariadb_writes_is_read(void **state)
{
    (void) state;
    read_recording("mariadb");
}

static void what_mysql_writes_is_read(void **state)
{
    (void) state;
    read_recording("mysql");
}

static void jobs_of_another_database_are_none_of_ours(void **state)
{
    (void) state;
    static const char *const names[] = { "mariadb", "mysql" };
    for (size_t i = 0; i < 2; i++) {
        struct recording recording = load(names[i]);
        struct arrivals arrivals;
        begin(&arrivals);
        strcpy(arrivals.database, "shop2");
        while (next_arrival(&recording, &arrivals)) { /* what cannot be read closely */
            assert_int_equal(arrivals.queue_count, 0);
            assert_true(arrivals.anything);
        }
        free(recording.bytes);
    }
}

static void a_table_that_is_not_known_rings_for_anything(void **state)
{
    (void) state;
    struct recording recording = load("mariadb");
    struct arrivals arrivals;
    begin(&arrivals);
    arrivals.column_count = 0;
    expect_next(&recording, &arrivals);
    expect_anything(&arrivals);
    free(recording.bytes);

    recording = load("mysql");
    begin(&arrivals);
    arrivals.lease_column = 12; /* a text */
    expect_next(&recording, &arrivals);
    expect_anything(&arrivals);
    free(recording.bytes);
}

static void more_queues_than_there_is_room_for_are_anything(void **state)
{
    (void) state;
    struct recording recording = load("mysql");
    struct arrivals arrivals;
    begin(&arrivals);
    expect_next(&recording, &arrivals);
    /* Into the next transaction, whose first events are those that clear. */
    const unsigned char *event = NULL;
    size_t len = 0;
    do {
        assert_true(next_event(&recording, &event, &len));
        assert_false(arrivals_read(&arrivals, event, len));
    } while (arrivals.ended);
    arrivals.queue_count = ARRIVALS_QUEUES_MAX;
    expect_next(&recording, &arrivals);
    assert_true(arrivals.anything);
    assert_int_equal(arrivals.queue_count, ARRIVALS_QUEUES_MAX);
    free(recording.bytes);
}

/* Each event in memory of its own size, so that a sanitizer sees a byte read beyond it. */
static void feed(struct arrivals *arrivals, const unsigned char *bytes, size_t len)
{
    unsigned char *copy = malloc(len ? len : 1);
    if (!copy)
        abort();
    memcpy(copy, bytes, len);
    (void) arrivals_read(arrivals, copy, len);
    free(copy);
}

static void set_length(unsigned char *event, size_t len)
{
    for (int i = 0; i < 4; i++)
        event[9 + i] = (unsigned char) (len >> 8 * i);
}

static void an_event_that_is_cut_off_anywhere_does_no_harm(void **state)
{
    (void) state;
    static const char *const names[] = { "mariadb", "mysql" };
    for (size_t i = 0; i < 2; i++) {
        struct recording recording = load(names[i]);
        struct arrivals arrivals;
        const unsigned char *event;
        unsigned char cut[4096];
        size_t len;
        begin(&arrivals);
        while (next_event(&recording, &event, &len)) {
            assert_true(len <= sizeof cut);
            for (size_t shorter = 0; shorter < len; shorter++) {
                struct arrivals copy = arrivals;
                feed(&copy, event, shorter); /* its length is wrong */
                memcpy(cut, event, shorter);
                if (shorter >= 19) {
                    set_length(cut, shorter); /* it is right, and what it counts is missing */
                    feed(&copy, cut, shorter);
                }
            }
            (void) arrivals_read(&arrivals, event, len);
        }
        free(recording.bytes);
    }
}

static void an_event_with_any_byte_changed_does_no_harm(void **state)
{
    (void) state;
    static const char *const names[] = { "mariadb", "mysql" };
    static const unsigned char masks[] = { 0xff, 0x01, 0x80, 0x10 };
    for (size_t i = 0; i < 2; i++) {
        struct recording recording = load(names[i]);
        struct arrivals arrivals;
        const unsigned char *event;
        unsigned char changed[4096];
        size_t len;
        begin(&arrivals);
        while (next_event(&recording, &event, &len)) {
            for (size_t at = 0; at < len; at++)
                for (size_t mask = 0; mask < sizeof masks; mask++) {
                    struct arrivals copy = arrivals;
                    memcpy(changed, event, len);
                    changed[at] ^= masks[mask];
                    feed(&copy, changed, len);
                    feed(&copy, event, len); /* what stays behind of it does none, either */
                }
            (void) arrivals_read(&arrivals, event, len);
        }
        free(recording.bytes);
    }
}

/* Events of the server's whole vocabulary, hand-made, without checksums. */
enum { EVENT_ROOM = 256 };

static size_t make(unsigned char *event, unsigned type, const char *body, size_t body_len)
{
    memset(event, 0, 19);
    event[0] = 7; /* its time */
    event[4] = (unsigned char) type;
    memcpy(event + 19, body, body_len);
    set_length(event, 19 + body_len);
    return 19 + body_len;
}

static bool tell(struct arrivals *arrivals, unsigned type, const char *body, size_t body_len)
{
    unsigned char event[EVENT_ROOM];
    size_t len = make(event, type, body, body_len);
    return arrivals_read(arrivals, event, len);
}

static bool tell_query(struct arrivals *arrivals, const char *sql)
{
    char body[EVENT_ROOM - 19] = { [8] = 4, [13] = 's', [14] = 'h', [15] = 'o', [16] = 'p' };
    const size_t len = strlen(sql);
    assert_true(18 + len <= sizeof body);
    memcpy(body + 18, sql, len);
    return tell(arrivals, BINLOG_QUERY, body, 18 + len);
}

static void begin_by_hand(struct arrivals *arrivals)
{
    char body[2 + 50 + 4 + 1 + 40 + 1 + 4] = { [0] = 4, [56] = 19 };
    begin(arrivals);
    assert_false(tell(arrivals, BINLOG_FORMAT, body, sizeof body));
    assert_true(arrivals->format.known);
    assert_false(arrivals->format.checksums);
}

static void a_statement_rings_when_it_ends(void **state)
{
    (void) state;
    struct arrivals arrivals;
    begin_by_hand(&arrivals);
    assert_false(tell_query(&arrivals, "BEGIN"));
    assert_false(tell_query(&arrivals, "insert into DUEQ_JOB (kind, payload) values ('a', '')"));
    assert_true(tell(&arrivals, BINLOG_XID, "12345678", 8));
    expect_anything(&arrivals);
    assert_int_equal(arrivals.committed_s, 7);
    assert_false(tell_query(&arrivals, "BEGIN"));
    assert_false(tell(&arrivals, BINLOG_XID, "12345678", 8)); /* another transaction */
    assert_false(tell_query(&arrivals, "UPDATE dueq_queue SET paused = 1"));
    assert_true(tell_query(&arrivals, "COMMIT"));
    assert_true(arrivals.control);
    assert_false(arrivals.anything);
}

static void a_statement_that_ends_its_own_transaction_rings_before_the_next_one(void **state)
{
    (void) state;
    struct arrivals arrivals;
    begin_by_hand(&arrivals);
    assert_false(tell_query(&arrivals, "ALTER TABLE dueq_job ENGINE = InnoDB"));
    assert_true(tell(&arrivals, BINLOG_HEARTBEAT, "binlog.000001", 13));
    assert_false(tell(&arrivals, BINLOG_HEARTBEAT, "binlog.000001", 13));
    assert_false(tell_query(&arrivals, "DROP TABLE dueq_job"));
    assert_true(tell(&arrivals, BINLOG_MARIADB_GTID, "0123456789abc", 13));
}

static void what_is_rolled_back_rings_nothing(void **state)
{
    (void) state;
    struct arrivals arrivals;
    begin_by_hand(&arrivals);
    assert_false(tell_query(&arrivals, "INSERT INTO dueq_job (kind, payload) VALUES ('a', '')"));
    assert_false(tell_query(&arrivals, "ROLLBACK"));
    assert_false(tell(&arrivals, BINLOG_HEARTBEAT, "binlog.000001", 13));
}

static void what_is_not_known_rings_for_anything(void **state)
{
    (void) state;
    struct arrivals arrivals;
    begin_by_hand(&arrivals);
    assert_false(tell(&arrivals, BINLOG_MYSQL_LAST + 1, "", 0));
    assert_true(tell(&arrivals, BINLOG_XID, "12345678", 8));
    expect_anything(&arrivals);
    assert_false(tell(&arrivals, BINLOG_MARIADB_LAST + 1, "", 0));
    assert_true(tell(&arrivals, BINLOG_XID, "12345678", 8));
    expect_anything(&arrivals);
    assert_false(tell(&arrivals, BINLOG_TABLE_MAP, "short", 5));
    assert_true(tell(&arrivals, BINLOG_XID, "12345678", 8));
    expect_anything(&arrivals);
    assert_false(tell(&arrivals, BINLOG_INCIDENT, "", 0));
    assert_true(tell(&arrivals, BINLOG_ROTATE, "", 0));
    expect_anything(&arrivals);
}

static void nothing_is_read_before_the_format_is_known(void **state)
{
    (void) state;
    struct arrivals arrivals;
    begin(&arrivals);
    assert_false(tell(&arrivals, BINLOG_ROTATE, "12345678binlog.000001", 21));
    assert_false(tell(&arrivals, BINLOG_XID, "12345678", 8));
    assert_false(arrivals.anything);
}

/* A table of one column, and rows that have none of it: there would be no end of them. */
static void rows_of_nothing_come_to_an_end(void **state)
{
    (void) state;
    struct arrivals arrivals;
    begin_by_hand(&arrivals);
    arrivals.column_count = 3;
    arrivals.queue_column = 0;
    arrivals.next_run_at_column = 1;
    arrivals.lease_column = 2;
    static const char map[] = "\x01\0\0\0\0\0\0\0\x04shop\0\x08"
                              "dueq_job\0\x03\x0f\x11\x08\x03\x40\0\x06";
    static const char rows[] = "\x01\0\0\0\0\0\0\0\x03\0garbage";
    assert_false(tell(&arrivals, BINLOG_TABLE_MAP, map, sizeof map - 1));
    assert_true(arrivals.job_readable);
    assert_false(tell(&arrivals, 23, rows, sizeof rows - 1));
    assert_true(tell(&arrivals, BINLOG_XID, "12345678", 8));
    expect_anything(&arrivals);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_mariadb_writes_is_read),
        cmocka_unit_test(what_mysql_writes_is_read),
        cmocka_unit_test(jobs_of_another_database_are_none_of_ours),
        cmocka_unit_test(a_table_that_is_not_known_rings_for_anything),
        cmocka_unit_test(more_queues_than_there_is_room_for_are_anything),
        cmocka_unit_test(an_event_that_is_cut_off_anywhere_does_no_harm),
        cmocka_unit_test(an_event_with_any_byte_changed_does_no_harm),
        cmocka_unit_test(a_statement_rings_when_it_ends),
        cmocka_unit_test(a_statement_that_ends_its_own_transaction_rings_before_the_next_one),
        cmocka_unit_test(what_is_rolled_back_rings_nothing),
        cmocka_unit_test(what_is_not_known_rings_for_anything),
        cmocka_unit_test(nothing_is_read_before_the_format_is_known),
        cmocka_unit_test(rows_of_nothing_come_to_an_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
