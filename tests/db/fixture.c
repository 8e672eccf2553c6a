#include "fixture.h"

#include <string.h>

void fixture_set_up_on(struct fixture *fixture, const struct test_server *server)
{
    struct test_database *database = test_database_new_on(server);
    if (db_library_init() < 0)
        test_fail("mysql_library_init failed");
    *fixture = (struct fixture){ .database = database, .admin = database->admin };
    fixture->db = fixture_open(fixture);
}

void fixture_set_up(struct fixture *fixture)
{
    fixture_set_up_on(fixture, test_server_get());
}

void fixture_tear_down(struct fixture *fixture)
{
    db_close(fixture->db);
    arena_done(&fixture->arena);
    test_database_free(fixture->database);
    *fixture = (struct fixture){ 0 };
}

void fixture_clear(struct fixture *fixture)
{
    db_close(fixture->db); /* with the transaction that a failed test left open */
    arena_done(&fixture->arena);
    fixture->db = NULL;
    test_database_clear(fixture->database);
    fixture->db = fixture_open(fixture);
}

struct db_options fixture_options(const struct fixture *fixture, const struct test_account *account)
{
    const struct test_database *database = fixture->database;

    if (!account)
        account = &database->daemon;
    return (struct db_options){
        .socket = database->server->socket,
        .host = database->server->host,
        .port = database->server->port,
        .database = database->name,
        .user = account->user,
        .password = account->password,
        .connect_timeout_us = LIMIT_S * INT64_C(1000000),
        .read_timeout_us = LIMIT_S * INT64_C(1000000),
    };
}

struct db *fixture_open(const struct fixture *fixture)
{
    return fixture_open_as(fixture, NULL);
}

struct db *fixture_open_as(const struct fixture *fixture, const struct test_account *account)
{
    const struct db_options options = fixture_options(fixture, account);
    struct db *db;
    struct error error = { "" };
    expect_status(db_open(&options, &db, &error), DB_OK, error);
    return db;
}

void fixture_insert(const struct fixture *fixture, size_t count)
{
    if (count == 0)
        return;
    sql_run(fixture->admin, "INSERT INTO dueq_job (kind, payload) VALUES ('k', '{}')");
    for (size_t have = 1; have < count; have *= 2)
        sql_run(fixture->admin,
                "INSERT INTO dueq_job (kind, payload) SELECT 'k', '{}' FROM dueq_job"
                " WHERE kind = 'k' LIMIT %zu",
                have < count - have ? have : count - have);
}

struct claim_request fixture_request(uint32_t limit)
{
    return (struct claim_request){
        .queue = "default",
        .priority = 5,
        .limit = limit,
        .max_bytes = SIZE_MAX,
        .worker = WORKER,
    };
}

struct claim fixture_begin(struct fixture *fixture, uint32_t limit)
{
    const struct claim_request request = fixture_request(limit);
    struct claim claim;
    struct error error = { "" };
    expect_status(claim_begin(fixture->db, &request, &fixture->arena, &claim, &error), DB_OK,
                  error);
    return claim;
}

void fixture_commit(struct fixture *fixture, struct claim *claim, uint64_t token)
{
    const struct claim_request request = fixture_request(0);
    bool in_doubt = true;
    struct error error = { "" };
    expect_status(claim_commit(fixture->db, &request, claim, token, LEASE_US, &in_doubt, &error),
                  DB_OK, error);
    assert_false(in_doubt);
}

struct claim fixture_lease(struct fixture *fixture, uint32_t count, uint64_t token)
{
    struct claim claim = fixture_begin(fixture, count);
    assert_int_equal(claim.count, count);
    fixture_commit(fixture, &claim, token);
    return claim;
}

struct probe fixture_probe(struct fixture *fixture, const char *queue)
{
    const struct probe_request request = { .queue = queue };
    struct probe probe;
    struct error error = { "" };
    memset(&probe, 0xaa, sizeof probe);
    expect_status(probe_queues(fixture->db, &request, 1, &probe, &error), DB_OK, error);
    return probe;
}

struct outcome fixture_outcome(const struct job *job, enum outcome_kind kind)
{
    static const char message[] = "it did not work";
    return (struct outcome){
        .id = job->id,
        .lease = job->lease,
        .attempt = job->attempts,
        .kind = kind,
        .reason = DEAD_HANDLER,
        .delay_us = kind == OUTCOME_RETRY || kind == OUTCOME_SNOOZE ? 3600 * INT64_C(1000000) : 0,
        .unique_key = job->unique_key,
        .unique_key_len = job->unique_key_len,
        .message = message,
        .message_len = sizeof message - 1,
    };
}

void fixture_settle(struct fixture *fixture, struct outcome *outcomes, size_t count)
{
    struct error error = { "" };
    expect_status(settle_outcomes(fixture->db, WORKER, outcomes, count, &error), DB_OK, error);
    assert_string_equal(error.text, "");
}

enum settle_result fixture_settle_one(struct fixture *fixture, struct outcome outcome)
{
    fixture_settle(fixture, &outcome, 1);
    return outcome.result;
}

uint64_t fixture_lock_waits(const struct fixture *fixture)
{
    MYSQL *admin = fixture->admin;

    if (mysql_query(admin, "SHOW GLOBAL STATUS LIKE 'Innodb_row_lock_waits'"))
        test_fail("%s", mysql_error(admin));
    MYSQL_RES *result = mysql_store_result(admin);
    MYSQL_ROW row = result ? mysql_fetch_row(result) : NULL;
    if (!row)
        test_fail("the server does not count the waits for row locks");
    uint64_t waits = strtoull(row[1], NULL, 10);
    mysql_free_result(result);
    return waits;
}

void expect_words(const char *text, const char *part)
{
    if (!strstr(text, part))
        test_fail("\"%s\" is not in \"%s\"", part, text);
}
