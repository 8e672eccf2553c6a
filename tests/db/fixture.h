#pragma once

#include "arena.h"
#include "claim.h"
#include "claim_commit.h"
#include "connection.h"
#include "database.h"
#include "fail.h"
#include "probe.h"
#include "settle.h"
#include "sql.h"

/* What the tests of the db and queue layers begin with: a database of their own and, on it, a
 * connection of the daemon's user, opened by the code under test. */
struct fixture {
    struct test_database *database;
    MYSQL *admin;       /* to prepare and to look */
    struct db *db;      /* as the daemon; the test's own thread's */
    struct arena arena; /* of what is claimed with it, until fixture_clear */
};

enum { LIMIT_S = 60 };                /* against hanging */
enum { LEASE_US = 60 * 1000 * 1000 }; /* longer than any test */
enum { ER_LOCK_WAIT_TIMEOUT = 1205, ER_LOCK_DEADLOCK = 1213 };
#define WORKER "tests:1" /* who claims, for dueq_error */

void fixture_set_up(struct fixture *fixture);
void fixture_set_up_on(struct fixture *fixture, const struct test_server *server);
void fixture_tear_down(struct fixture *fixture);

/* Between two tests: a new connection, and no row in any table but dueq_schema. */
void fixture_clear(struct fixture *fixture);

/* How to connect as that user; account NULL: the daemon's. For db_open with other options. */
struct db_options fixture_options(const struct fixture *fixture,
                                  const struct test_account *account);

/* Another connection of the daemon's, to be closed. For a thread, too, which it is handed to. */
struct db *fixture_open(const struct fixture *fixture);
/* The same as another user. */
struct db *fixture_open_as(const struct fixture *fixture, const struct test_account *account);

/* Adds that many due jobs of the kind 'k'. */
void fixture_insert(const struct fixture *fixture, size_t count);

/* The queue "default", priority 5, no limit on bytes. */
struct claim_request fixture_request(uint32_t limit);

/* Claims and leaves the transaction open. Nothing due: count is 0. */
struct claim fixture_begin(struct fixture *fixture, uint32_t limit);
/* Writes the verdicts. */
void fixture_commit(struct fixture *fixture, struct claim *claim, uint64_t token);
/* Both: leases what is due. The test fails unless it is `count` jobs. */
struct claim fixture_lease(struct fixture *fixture, uint32_t count, uint64_t token);

/* What is due in the queue. */
struct probe fixture_probe(struct fixture *fixture, const char *queue);

/* What came of a leased job. RETRY waits an hour, with a message; DEAD is the handler's. */
struct outcome fixture_outcome(const struct job *job, enum outcome_kind kind);

/* Settles; the test fails unless the status is DB_OK and the words are left alone. */
void fixture_settle(struct fixture *fixture, struct outcome *outcomes, size_t count);
/* One outcome. */
enum settle_result fixture_settle_one(struct fixture *fixture, struct outcome outcome);

/* How often any transaction of the server has begun to wait for another one's row. */
uint64_t fixture_lock_waits(const struct fixture *fixture);

/* Fails the test, with the words, where the status is another one. */
#define expect_status(got, wanted, error)                                                          \
    do {                                                                                           \
        enum db_status got_ = (got);                                                               \
        if (got_ != (wanted))                                                                      \
            test_fail("status %d instead of %d: %s", (int) got_, (int) (wanted), (error).text);    \
    } while (0)

/* Fails the test where the text does not have the part in it. */
void expect_words(const char *text, const char *part);
