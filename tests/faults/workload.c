#include "workload.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "buffer.h"
#include "fail.h"
#include "journal.h"
#include "process.h"
#include "sql.h"

/* By the place of a job in its transaction. */
static const struct sort {
    const char *payload;
    const char *max_attempts;
    unsigned runs;   /* that it asks for */
    unsigned errors; /* that it has at the least, of its own accord */
    bool dies;
} sorts[] = {
    { "{}", "NULL", 1, 0, false },
    { "{\"sleep_ms\":30}", "NULL", 1, 0, false },
    { "{\"fail_times\":1}", "NULL", 2, 1, false },
    { "{\"outcome\":\"dead\",\"message\":\"no\"}", "NULL", 1, 1, true },
    { "{\"outcome\":\"retry\"}", "2", 2, 2, true },
    { "{\"outcome\":\"pending\",\"sleep_ms\":10}", "NULL", 1, 0, false },
    { "{\"fail_times\":1}", "1", 1, 1, true },
    { "{}", "NULL", 1, 0, false },
};
enum { SORTS = sizeof sorts / sizeof *sorts, ROWS_A_STATEMENT = 1000 };

void workload_begin(const struct scene *scene)
{
    sql_run(scene->admin,
            "DROP TABLE IF EXISTS expected, sorts, ran;"
            "CREATE TABLE expected (id BIGINT UNSIGNED PRIMARY KEY, sort INT);"
            "CREATE TABLE ran (id BIGINT UNSIGNED PRIMARY KEY, runs INT);"
            "CREATE TABLE sorts (sort INT PRIMARY KEY, runs INT, errors INT, dies INT)");
    for (size_t i = 0; i < SORTS; i++)
        sql_run(scene->admin, "INSERT INTO sorts VALUES (%zu, %u, %u, %d)", i, sorts[i].runs,
                sorts[i].errors, sorts[i].dies);
    remove(scene->journal);
}

unsigned workload_insert(MYSQL *connection, size_t count)
{
    struct buffer sql = { 0 };

    buffer_append_text(&sql, "START TRANSACTION; INSERT INTO dueq_job (kind, payload, max_attempts)"
                             " VALUES ");
    for (size_t i = 0; i < count; i++)
        buffer_append_format(&sql, "%s('work', '%s', %s)", i ? ", " : "", sorts[i % SORTS].payload,
                             sorts[i % SORTS].max_attempts);
    buffer_append_text(&sql, "; INSERT INTO expected VALUES ");
    for (size_t i = 0; i < count; i++)
        buffer_append_format(&sql, "%s(LAST_INSERT_ID() + %zu * @@auto_increment_increment, %zu)",
                             i ? ", " : "", i, i % SORTS);
    buffer_append_text(&sql, "; COMMIT");
    unsigned error = sql_try(connection, "%s", sql.bytes);
    buffer_done(&sql);
    return error;
}

void workload_wait(const struct scene *scene, int limit_s)
{
    sql_wait_until(scene->admin, limit_s, "SELECT NOT EXISTS (SELECT 1 FROM dueq_job)");
}

static void check_fsck(const struct scene *scene)
{
    char *out, *err;
    const char *const words[] = { "dueq", "--socket",   scene->database->server->socket, "--user",
                                  "root", "--database", scene->database->name,           "fsck",
                                  NULL };
    if (process_run(words, &out, &err) != 0)
        test_fail("dueq fsck:\n%s%s", out, err);
    free(out);
    free(err);
}

static void add_run(struct buffer *sql, uint64_t id, unsigned runs)
{
    buffer_append_format(sql, "%s(%llu, %u)", sql->len ? ", " : "INSERT INTO ran VALUES ",
                         (unsigned long long) id, runs);
}

static void flush(const struct scene *scene, struct buffer *sql)
{
    if (sql->len)
        sql_run(scene->admin, "%s", sql->bytes);
    buffer_clear(sql);
}

static void load_journal(const struct scene *scene)
{
    struct journal journal;
    struct buffer sql = { 0 };
    size_t rows = 0;

    journal_read(scene->journal, &journal);
    journal_sort(&journal);
    for (size_t i = 0, end; i < journal.count; i = end) {
        for (end = i; end < journal.count && journal.runs[end].id == journal.runs[i].id;)
            end++;
        add_run(&sql, journal.runs[i].id, (unsigned) (end - i));
        if (++rows % ROWS_A_STATEMENT == 0)
            flush(scene, &sql);
    }
    flush(scene, &sql);
    buffer_done(&sql);
    journal_done(&journal);
}

/* sql: ids of jobs. */
static void expect_none(const struct scene *scene, const char *what, const char *sql)
{
    char *ids = sql_text(scene->admin,
                         "SELECT GROUP_CONCAT(id ORDER BY id SEPARATOR ' ') FROM"
                         " (SELECT id FROM (%s) all_of_them LIMIT 10) some",
                         sql);
    if (ids)
        test_fail("%s: jobs %s", what, ids);
}

/* One that expired at its last attempt may have been killed between the note that it begins and the
 * first line of its handler: as far as anybody can know it has run. */
static void check_jobs(const struct scene *scene)
{
    expect_none(
        scene, "never run",
        "SELECT e.id FROM expected e LEFT JOIN ran r ON r.id = e.id LEFT JOIN dueq_dead d ON"
        " d.id = e.id WHERE r.id IS NULL AND COALESCE(d.reason, '') <> 'expired'");
    expect_none(scene, "run, though never committed",
                "SELECT r.id FROM ran r LEFT JOIN expected e ON e.id = r.id WHERE e.id IS NULL");
    expect_none(
        scene, "not dead",
        "SELECT e.id FROM expected e JOIN sorts USING (sort) LEFT JOIN dueq_dead d ON d.id ="
        " e.id WHERE dies AND d.id IS NULL");
    expect_none(scene, "dead",
                "SELECT d.id FROM dueq_dead d LEFT JOIN expected e ON e.id = d.id LEFT JOIN sorts"
                " USING (sort) WHERE NOT COALESCE(dies, 0)");
    expect_none(scene, "with errors missing",
                "SELECT e.id FROM expected e JOIN sorts s USING (sort) WHERE s.errors > 0 AND"
                " s.errors > (SELECT COUNT(*) FROM dueq_error x WHERE x.job_id = e.id)");
}

void workload_check(const struct scene *scene, unsigned faults, struct fault_tally *tally)
{
    load_journal(scene);
    check_jobs(scene);
    check_fsck(scene);
    uint64_t again = sql_u64(scene->admin,
                             "SELECT COALESCE(SUM(GREATEST(CAST(r.runs AS SIGNED) - s.runs, 0)), 0)"
                             " FROM ran r JOIN expected USING (id) JOIN sorts s USING (sort)");
    if (faults == 0)
        assert_int_equal(again, 0);
    tally->faults += faults;
    tally->jobs += sql_u64(scene->admin, "SELECT COUNT(*) FROM expected");
    tally->again += again;
}

void fault_tally_print(const struct fault_tally *tally)
{
    printf("%u faults, %llu jobs: none lost, %llu run again\n", tally->faults,
           (unsigned long long) tally->jobs, (unsigned long long) tally->again);
    fflush(stdout);
}

void rest(long ms)
{
    nanosleep(&(struct timespec){ .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 }, NULL);
}
