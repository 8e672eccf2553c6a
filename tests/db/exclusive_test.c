#include "fixture.h"

#include <stdatomic.h>
#include <string.h>

#include "thread.h"

/* Many claim at once, and each job is one claim's. */

enum { JOBS = 20000, THREADS = 4, BATCH = 97 };

static struct fixture f;

static int set_up(void **state)
{
    (void) state;
    fixture_set_up(&f);
    return 0;
}

static int tear_down(void **state)
{
    (void) state;
    fixture_tear_down(&f);
    return 0;
}

struct claimer {
    struct db *db;
    pthread_t thread;
    uint64_t token;
    uint64_t *ids; /* JOBS of them at the most */
    size_t count;
    enum db_status status;
    struct error error;
};

static _Atomic size_t claimed;

static enum db_status claim_batch(struct claimer *claimer)
{
    const struct claim_request request = fixture_request(BATCH);
    struct arena arena = { 0 };
    struct claim claim;
    bool in_doubt;

    enum db_status status = claim_begin(claimer->db, &request, &arena, &claim, &claimer->error);
    if (status == DB_OK && claim.count > 0)
        status = claim_commit(claimer->db, &request, &claim, claimer->token++, LEASE_US, &in_doubt,
                              &claimer->error);
    for (size_t i = 0; status == DB_OK && i < claim.count && claimer->count < JOBS; i++)
        claimer->ids[claimer->count++] = claim.items[i].job.id;
    if (status == DB_OK)
        atomic_fetch_add(&claimed, claim.count);
    arena_done(&arena);
    return status;
}

static void *run_claimer(void *arg)
{
    struct claimer *claimer = arg;
    db_thread_init();
    while (claimer->status == DB_OK && claimed < JOBS)
        claimer->status = claim_batch(claimer);
    db_thread_done();
    return NULL;
}

static void of_20000_jobs_each_is_claimed_once(void **state)
{
    (void) state;
    static struct claimer claimers[THREADS];
    static unsigned char times[JOBS];
    fixture_insert(&f, JOBS);
    const uint64_t first = sql_u64(f.admin, "SELECT MIN(id) FROM dueq_job");
    /* Dense ids, so that they can be counted in an array. */
    sql_run(f.admin, "SET @n = %llu - 1; UPDATE dueq_job SET id = (@n := @n + 1) ORDER BY id",
            (unsigned long long) first);

    for (int i = 0; i < THREADS; i++) {
        claimers[i] = (struct claimer){ .db = fixture_open(&f),
                                        .token = (uint64_t) (i + 1) << 32,
                                        .ids = calloc(JOBS, sizeof(uint64_t)) };
        assert_non_null(claimers[i].ids);
    }
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(thread_start(&claimers[i].thread, "claimer", run_claimer, &claimers[i]),
                         0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(claimers[i].thread, NULL);

    size_t busy = 0;
    for (int i = 0; i < THREADS; i++) {
        expect_status(claimers[i].status, DB_OK, claimers[i].error);
        busy += claimers[i].count > 0;
        for (size_t j = 0; j < claimers[i].count; j++) {
            assert_in_range(claimers[i].ids[j], first, first + JOBS - 1);
            times[claimers[i].ids[j] - first]++;
        }
        db_close(claimers[i].db);
        free(claimers[i].ids);
    }
    assert_true(busy > 1);
    for (size_t i = 0; i < JOBS; i++)
        assert_int_equal(times[i], 1);
    assert_int_equal(sql_u64(f.admin, "SELECT COUNT(*) FROM dueq_job"
                                      " WHERE attempts = 1 AND lease IS NOT NULL"),
                     JOBS);
    /* A claim's token is in as many rows as it took. */
    assert_int_equal(sql_u64(f.admin, "SELECT MAX(n) FROM (SELECT COUNT(*) AS n FROM dueq_job"
                                      " GROUP BY lease) batches"),
                     BATCH);
    assert_int_equal(fixture_begin(&f, 1).count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(of_20000_jobs_each_is_claimed_once),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
