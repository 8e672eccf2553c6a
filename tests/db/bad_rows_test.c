#include "fixture.h"

#include <stdio.h>
#include <string.h>

/* Rows that no rule fits, as producers make them, and payloads at the edges of what a column, a
 * statement and a memory hold. */

enum { PAYLOAD_MOST = 16 * 1024 * 1024 - 1 }; /* MEDIUMTEXT's */

static struct fixture f;
static MYSQL *producer; /* with the defaults of an application: strict, NO_ZERO_DATE */

static int set_up(void **state)
{
    (void) state;
    fixture_set_up(&f);
    producer = test_connect(f.database, &f.database->producer);
    return 0;
}

static int tear_down(void **state)
{
    (void) state;
    mysql_close(producer);
    fixture_tear_down(&f);
    return 0;
}

static int clear(void **state)
{
    (void) state;
    fixture_clear(&f);
    return 0;
}

/* Claims all that is due; the one with that id, which is the only one that is not to run, must be
 * dead for a reason with those words in it, and be found in dueq_dead after the commit. */
static void expect_dead(uint64_t id, size_t others, const char *words)
{
    struct claim claim = fixture_begin(&f, 100);
    bool found = false;
    assert_int_equal(claim.count, others + 1);
    for (size_t i = 0; i < claim.count; i++) {
        const struct claimed *item = &claim.items[i];
        if (item->job.id != id) {
            assert_int_equal(item->verdict, CLAIM_RUN);
            continue;
        }
        assert_int_equal(item->verdict, CLAIM_DEAD);
        assert_int_equal(item->reason, DEAD_INVALID);
        expect_words(item->message, words);
        found = true;
    }
    assert_true(found);
    fixture_commit(&f, &claim, 7);
    assert_int_equal(sql_u64(f.admin, "SELECT COUNT(*) FROM dueq_job WHERE lease = 7"
                                      " AND attempts = 1"),
                     others);
    assert_int_equal(sql_u64(f.admin, "SELECT COUNT(*) FROM dueq_job"), others);
    assert_int_equal(sql_u64(f.admin,
                             "SELECT COUNT(*) FROM dueq_dead WHERE id = %llu"
                             " AND reason = 'invalid' AND attempts = 0",
                             (unsigned long long) id),
                     1);
    char *message = sql_text(f.admin, "SELECT message FROM dueq_dead");
    expect_words(message, words);
    free(message);
}

static void a_state_that_is_none_is_dead(void **state)
{
    (void) state;
    fixture_insert(&f, 2);
    sql_run(producer, "INSERT IGNORE INTO dueq_job (id, kind, payload, state)"
                      " VALUES (1000, 'k', 'p', 'redy')");
    assert_int_equal(sql_u64(f.admin, "SELECT state = '' FROM dueq_job WHERE id = 1000"), 1);
    expect_dead(1000, 2, "state is neither 'ready' nor 'prepared'");
    assert_int_equal(sql_u64(f.admin, "SELECT state = '' AND payload = 'p' FROM dueq_dead"), 1);
}

static void a_date_that_is_none_is_dead(void **state)
{
    (void) state;
    fixture_insert(&f, 2);
    sql_run(producer, "INSERT IGNORE INTO dueq_job (id, kind, payload, next_run_at, unique_key)"
                      " VALUES (1000, 'k', 'p', '2024-02-31 99:00', 'u')");
    assert_int_equal(sql_u64(f.admin, "SELECT UNIX_TIMESTAMP(next_run_at) = 0 FROM dueq_job"
                                      " WHERE id = 1000"),
                     1);
    expect_dead(1000, 2, "next_run_at is no date");
    assert_int_equal(sql_u64(f.admin, "SELECT next_run_at IS NULL AND payload = 'p'"
                                      " AND unique_key = 'u' AND created_at IS NOT NULL"
                                      " AND died_at BETWEEN NOW(6) - INTERVAL 1 HOUR AND NOW(6)"
                                      " FROM dueq_dead"),
                     1);
}

static void a_creation_date_that_is_none_does_not_stop_a_job(void **state)
{
    (void) state;
    sql_run(producer, "INSERT IGNORE INTO dueq_job (id, kind, payload, created_at)"
                      " VALUES (1000, 'k', 'p', 'yesterday')");
    struct claim claim = fixture_lease(&f, 1, 7);
    assert_int_equal(claim.items[0].verdict, CLAIM_RUN);
    assert_int_equal(claim.items[0].job.created_at_us, 0);
    assert_int_equal(fixture_settle_one(&f, fixture_outcome(&claim.items[0].job, OUTCOME_DEAD)),
                     SETTLE_DONE);
    assert_int_equal(sql_u64(f.admin, "SELECT created_at IS NULL AND next_run_at IS NOT NULL"
                                      " FROM dueq_dead"),
                     1);
}

static void headers_too_large_are_dead_with_their_size(void **state)
{
    (void) state;
    fixture_insert(&f, 2);
    sql_run(producer, "INSERT INTO dueq_job (id, kind, payload, headers)"
                      " VALUES (1000, 'k', 'p', CONCAT('{\"a\":\"', REPEAT('x', 70000), '\"}'))");
    char words[64];
    snprintf(words, sizeof words, "headers have %llu bytes, and may have 65536",
             (unsigned long long) sql_u64(f.admin, "SELECT OCTET_LENGTH(headers) FROM dueq_job"
                                                   " WHERE id = 1000"));
    expect_dead(1000, 2, words);
    assert_int_equal(sql_u64(f.admin, "SELECT OCTET_LENGTH(headers) > 70000 FROM dueq_dead"), 1);
}

static void headers_of_64_kib_are_delivered(void **state)
{
    (void) state;
    sql_run(producer, "INSERT INTO dueq_job (id, kind, payload, headers)"
                      " VALUES (1, 'k', 'p', CONCAT('\"', REPEAT('x', 65534), '\"'))");
    struct claim claim = fixture_lease(&f, 1, 7);
    assert_int_equal(claim.items[0].verdict, CLAIM_RUN);
    assert_int_equal(claim.items[0].job.headers_len, 65536);
    assert_int_equal(strlen(claim.items[0].job.headers), 65536);
}

static void bad_rows_of_every_sort_die_together_and_the_good_ones_run(void **state)
{
    (void) state;
    fixture_insert(&f, 5);
    sql_run(producer, "INSERT IGNORE INTO dueq_job (kind, payload, state) VALUES ('k', '', '')");
    sql_run(producer,
            "INSERT IGNORE INTO dueq_job (kind, payload, next_run_at) VALUES ('k', '', 'x')");
    sql_run(producer, "INSERT IGNORE INTO dueq_job (kind, payload, state, next_run_at)"
                      " VALUES ('k', '', 'x', 'x')");
    fixture_insert(&f, 5);
    struct claim claim = fixture_lease(&f, 13, 7);
    size_t run = 0;
    for (size_t i = 0; i < claim.count; i++)
        run += claim.items[i].verdict == CLAIM_RUN;
    assert_int_equal(run, 10);
    assert_int_equal(sql_u64(f.admin, "SELECT COUNT(*) FROM dueq_dead WHERE reason = 'invalid'"),
                     3);
    assert_int_equal(sql_u64(f.admin, "SELECT COUNT(*) FROM dueq_job WHERE lease = 7"), 10);
}

static void a_job_invalid_and_leased_has_its_lost_attempt_recorded(void **state)
{
    (void) state;
    fixture_insert(&f, 1);
    fixture_lease(&f, 1, 41);
    sql_run(producer, "UPDATE IGNORE dueq_job SET next_run_at = 'x'");
    struct claim claim = fixture_begin(&f, 10);
    assert_int_equal(claim.items[0].verdict, CLAIM_DEAD);
    fixture_commit(&f, &claim, 42);
    assert_int_equal(sql_u64(f.admin, "SELECT COUNT(*) FROM dueq_error WHERE attempt = 1"), 1);
    assert_int_equal(sql_u64(f.admin, "SELECT attempts FROM dueq_dead"), 1);
}

/* Inserts a payload as an application does, through the wire. */
static void insert_payload(uint64_t id, const char *payload, size_t len)
{
    char *sql = malloc(len * 2 + 200);
    assert_non_null(sql);
    size_t used = (size_t) sprintf(sql,
                                   "INSERT INTO dueq_job (id, kind, payload) VALUES (%llu, 'k', '",
                                   (unsigned long long) id);
    used += mysql_real_escape_string(producer, sql + used, payload, (unsigned long) len);
    sql[used++] = '\'';
    sql[used++] = ')';
    if (mysql_real_query(producer, sql, (unsigned long) used))
        test_fail("a payload of %zu bytes: %s", len, mysql_error(producer));
    free(sql);
}

static char *filled(size_t len)
{
    char *text = malloc(len + 1);
    assert_non_null(text);
    for (size_t i = 0; i < len; i++)
        text[i] = (char) ('a' + i % 23);
    text[len] = '\0';
    return text;
}

static void expect_payload(const struct claimed *item, const char *payload, size_t len)
{
    assert_int_equal(item->verdict, CLAIM_RUN);
    assert_non_null(item->job.payload);
    assert_int_equal(item->job.payload_len, len);
    assert_memory_equal(item->job.payload, payload, len + 1); /* and a NUL behind it */
}

static void any_bytes_of_a_payload_are_delivered(void **state)
{
    (void) state;
    static const char odd[] = "\0a\0\\'\"\n\x01\x1f\x7f\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\0";
    insert_payload(1, odd, sizeof odd - 1);
    struct claim claim = fixture_lease(&f, 1, 7);
    expect_payload(&claim.items[0], odd, sizeof odd - 1);
    /* And they are in the dead letter. */
    assert_int_equal(fixture_settle_one(&f, fixture_outcome(&claim.items[0].job, OUTCOME_DEAD)),
                     SETTLE_DONE);
    assert_int_equal(sql_u64(f.admin, "SELECT LENGTH(payload) FROM dueq_dead"), sizeof odd - 1);
}

static void a_large_payload_is_fetched_apart(void **state)
{
    (void) state;
    enum { INLINE = 16 * 1024 };
    static const size_t sizes[] = { INLINE - 1, INLINE, INLINE + 1, 100 * 1024, 3 * 1024 * 1024 };
    enum { COUNT = sizeof sizes / sizeof *sizes };
    char *text = filled(sizes[COUNT - 1]);
    for (size_t i = 0; i < COUNT; i++)
        insert_payload(i + 1, text + sizes[COUNT - 1] - sizes[i], sizes[i]);

    uint64_t before = db_statement_count(f.db);
    struct claim claim = fixture_begin(&f, 10);
    assert_int_equal(claim.count, COUNT);
    assert_int_equal(db_statement_count(f.db) - before, 2 + 3); /* BEGIN, SELECT, and three */
    for (size_t i = 0; i < COUNT; i++)
        expect_payload(&claim.items[i], text + sizes[COUNT - 1] - sizes[i], sizes[i]);
    fixture_commit(&f, &claim, 7);
    free(text);
}

static void payloads_past_the_limit_of_bytes_stay_for_the_next_claim(void **state)
{
    (void) state;
    char *text = filled(100 * 1024);
    for (uint64_t id = 1; id <= 5; id++)
        insert_payload(id, text, 100 * 1024);
    struct claim_request request = fixture_request(10);
    struct claim claim;
    struct error error = { "" };
    bool in_doubt;
    request.max_bytes = 250 * 1024;
    expect_status(claim_begin(f.db, &request, &f.arena, &claim, &error), DB_OK, error);
    assert_int_equal(claim.count, 5);
    assert_true(claim.full);
    for (size_t i = 0; i < 5; i++)
        assert_int_equal(claim.items[i].verdict, i < 2 ? CLAIM_RUN : CLAIM_RELEASE);
    expect_status(claim_commit(f.db, &request, &claim, 7, LEASE_US, &in_doubt, &error), DB_OK,
                  error);
    assert_int_equal(sql_u64(f.admin, "SELECT COUNT(*) FROM dueq_job WHERE lease = 7"), 2);

    claim = fixture_lease(&f, 3, 8);
    for (size_t i = 0; i < 3; i++)
        expect_payload(&claim.items[i], text, 100 * 1024);
    free(text);
}

static void a_payload_above_the_limit_of_bytes_comes_alone(void **state)
{
    (void) state;
    char *text = filled(100 * 1024);
    insert_payload(1, text, 100 * 1024);
    insert_payload(2, "", 0);
    insert_payload(3, text, 100 * 1024);
    struct claim_request request = fixture_request(10);
    struct claim claim;
    struct error error = { "" };
    request.max_bytes = 1000;
    expect_status(claim_begin(f.db, &request, &f.arena, &claim, &error), DB_OK, error);
    assert_int_equal(claim.items[0].verdict, CLAIM_RUN);
    expect_payload(&claim.items[0], text, 100 * 1024);
    assert_int_equal(claim.items[2].verdict, CLAIM_RELEASE);
    free(text);
}

/* What the column holds at the most: with MariaDB's max_allowed_packet of 16 MiB it cannot be sent
 * to anybody, with MySQL's of 64 MiB it can. Either way it is not lost and stops nothing. */
static void the_largest_payload_is_delivered_or_put_aside_with_what_to_do(void **state)
{
    (void) state;
    fixture_insert(&f, 2);
    sql_run(producer,
            "INSERT INTO dueq_job (id, kind, payload) VALUES (1000, 'k', REPEAT('x', %d))",
            PAYLOAD_MOST);
    if (db_max_packet(f.db) < PAYLOAD_MOST + 8192) {
        expect_dead(1000, 2, "max_allowed_packet");
        assert_int_equal(sql_u64(f.admin, "SELECT LENGTH(payload) FROM dueq_dead"), PAYLOAD_MOST);
        return;
    }
    struct claim claim = fixture_lease(&f, 3, 7);
    assert_int_equal(claim.items[2].job.payload_len, PAYLOAD_MOST);
    assert_int_equal(strspn(claim.items[2].job.payload, "x"), PAYLOAD_MOST);
}

static void the_largest_payload_that_the_packet_lets_through_is_delivered(void **state)
{
    (void) state;
    uint64_t most = db_max_packet(f.db) - 4096;
    if (most > PAYLOAD_MOST)
        most = PAYLOAD_MOST;
    sql_run(producer,
            "INSERT INTO dueq_job (id, kind, payload)"
            " VALUES (1000, 'k', REPEAT('x', %llu))",
            (unsigned long long) most);
    struct claim claim = fixture_lease(&f, 1, 7);
    assert_int_equal(claim.items[0].verdict, CLAIM_RUN);
    assert_int_equal(claim.items[0].job.payload_len, most);
    assert_int_equal(strspn(claim.items[0].job.payload, "x"), most);
}

static void a_date_at_the_end_of_time_waits_for_it(void **state)
{
    (void) state;
    sql_run(producer, "SET time_zone = '+00:00';"
                      "INSERT INTO dueq_job (id, kind, payload, next_run_at) VALUES"
                      " (1, 'k', '', '2037-12-31 23:59:59.999999'),"
                      " (2, 'k', '', '2038-01-19 03:14:07')");
    assert_int_equal(fixture_begin(&f, 10).count, 0);
    assert_int_equal(sql_u64(f.admin, "SELECT COUNT(*) FROM dueq_job"), 2);
}

/* A delay that ends after TIMESTAMP does. */
static void a_delay_past_the_end_of_time_ends_with_it(void **state)
{
    (void) state;
    static const int64_t year_us = 365 * INT64_C(86400000000);
    const int64_t delays_us[] = { 30 * year_us, 9000 * year_us, INT64_MAX };
    for (size_t i = 0; i < sizeof delays_us / sizeof *delays_us; i++) {
        fixture_clear(&f);
        fixture_insert(&f, 2);
        struct claim claim = fixture_begin(&f, 2);
        claim.items[0].verdict = CLAIM_PUT_OFF;
        claim.items[0].put_off_us = delays_us[i];
        fixture_commit(&f, &claim, 7);
        struct outcome outcome = fixture_outcome(&claim.items[1].job, OUTCOME_RETRY);
        outcome.delay_us = delays_us[i];
        assert_int_equal(fixture_settle_one(&f, outcome), SETTLE_DONE);
        assert_int_equal(sql_u64(f.admin, "SELECT COUNT(*) FROM dueq_job WHERE lease IS NULL"
                                          " AND UNIX_TIMESTAMP(next_run_at) = 2147483647"),
                         2);
    }
}

int main(void)
{
#define EACH(test) cmocka_unit_test_setup(test, clear)
    const struct CMUnitTest tests[] = {
        EACH(a_state_that_is_none_is_dead),
        EACH(a_date_that_is_none_is_dead),
        EACH(a_creation_date_that_is_none_does_not_stop_a_job),
        EACH(headers_too_large_are_dead_with_their_size),
        EACH(headers_of_64_kib_are_delivered),
        EACH(bad_rows_of_every_sort_die_together_and_the_good_ones_run),
        EACH(a_job_invalid_and_leased_has_its_lost_attempt_recorded),
        EACH(any_bytes_of_a_payload_are_delivered),
        EACH(a_large_payload_is_fetched_apart),
        EACH(payloads_past_the_limit_of_bytes_stay_for_the_next_claim),
        EACH(a_payload_above_the_limit_of_bytes_comes_alone),
        EACH(the_largest_payload_is_delivered_or_put_aside_with_what_to_do),
        EACH(the_largest_payload_that_the_packet_lets_through_is_delivered),
        EACH(a_date_at_the_end_of_time_waits_for_it),
        EACH(a_delay_past_the_end_of_time_ends_with_it),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
