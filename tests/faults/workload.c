#include "workload.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "buffer.h"
#include "fail.h"
#include "journal.h"
#include "process.h"
#include "sql.h"

/* By the place of a job in the workload. */
static const struct sort {
    const char *payload;
    const char *max_attempts;
    unsigned runs;   /* that it asks for */
    unsigned errors; /* that it writes of its own accord, at the least */
    bool dies;
} sorts[] = {
    { "{}", "NULL", 1, 0, false },
    { "{\"sleep_ms\":30}", "NULL", 1, 0, false },
    { "{\"fail_times\":1}", "NULL", 2, 1, false },
    { "{\"outcome\":\"dead\",\"message\":\"no\"}", "NULL", 1, 1, true },
    { "{\"outcome\":\"retry\"}", "2", 2, 2, true },
    { "{\"outcome\":\"pending\",\"sleep_ms\":10}", "NULL", 1, 0, false },
    { "{\"outcome\":\"snooze\",\"delay_ms\":1,\"fail_times\":1}", "1", 1, 1, true },
    { "{}", "NULL", 1, 0, false },
};
enum { SORTS = sizeof sorts / sizeof *sorts };

static const struct sort *sort_of(const struct workload *workload, uint64_t id)
{
    return &sorts[(id - workload->first_id) % SORTS];
}

void workload_insert(struct workload *workload, struct scene *scene, size_t count)
{
    struct buffer sql = { 0 };

    buffer_append_text(&sql, "INSERT INTO dueq_job (kind, payload, max_attempts) VALUES ");
    for (size_t i = 0; i < count; i++)
        buffer_append_format(&sql, "%s('work', '%s', %s)", i ? ", " : "", sorts[i % SORTS].payload,
                             sorts[i % SORTS].max_attempts);
    *workload = (struct workload){ .scene = scene, .count = count };
    sql_run(scene->producer, "%s", sql.bytes);
    workload->first_id = mysql_insert_id(scene->producer);
    buffer_done(&sql);
}

void workload_wait(const struct workload *workload, int limit_s)
{
    sql_wait_until(workload->scene->admin, limit_s, "SELECT NOT EXISTS (SELECT 1 FROM dueq_job)");
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

static void check_rows(const struct workload *workload)
{
    MYSQL *admin = workload->scene->admin;
    size_t dying = 0;

    for (size_t i = 0; i < workload->count; i++) {
        uint64_t id = workload->first_id + i;
        const struct sort *sort = sort_of(workload, id);
        uint64_t dead = sql_u64(admin, "SELECT COUNT(*) FROM dueq_dead WHERE id = %llu",
                                (unsigned long long) id);
        uint64_t errors = sql_u64(admin, "SELECT COUNT(*) FROM dueq_error WHERE job_id = %llu",
                                  (unsigned long long) id);
        if (dead != sort->dies)
            test_fail("job %llu (%s) is in dueq_dead %llu times", (unsigned long long) id,
                      sort->payload, (unsigned long long) dead);
        if (errors < sort->errors)
            test_fail("job %llu (%s) has %llu errors, not %u", (unsigned long long) id,
                      sort->payload, (unsigned long long) errors, sort->errors);
        dying += sort->dies;
    }
    assert_int_equal(sql_u64(admin, "SELECT COUNT(*) FROM dueq_dead"), dying);
}

/* The daemon was killed between the note that the job begins and the handler's first line, at the
 * job's last attempt: as far as anybody can know it has run. */
static bool has_expired(const struct workload *workload, size_t i)
{
    return sql_u64(workload->scene->admin,
                   "SELECT COUNT(*) FROM dueq_dead WHERE reason = 'expired' AND id = %llu",
                   (unsigned long long) (workload->first_id + i)) > 0;
}

static void check_runs(const struct workload *workload, struct fault_tally *tally)
{
    struct journal journal;
    unsigned *runs = calloc(workload->count, sizeof *runs);

    journal_read(workload->scene->journal, &journal);
    for (size_t i = 0; i < journal.count; i++) {
        uint64_t id = journal.runs[i].id;
        assert_true(id >= workload->first_id && id < workload->first_id + workload->count);
        runs[id - workload->first_id]++;
    }
    for (size_t i = 0; i < workload->count; i++) {
        unsigned asked = sorts[i % SORTS].runs;
        if (runs[i] == 0 && !has_expired(workload, i))
            test_fail("job %llu (%s) has never run", (unsigned long long) (workload->first_id + i),
                      sorts[i % SORTS].payload);
        tally->again += runs[i] > asked ? runs[i] - asked : 0;
    }
    free(runs);
    journal_done(&journal);
}

void workload_check(const struct workload *workload, unsigned faults, struct fault_tally *tally)
{
    size_t again = tally->again;

    check_rows(workload);
    check_runs(workload, tally);
    check_fsck(workload->scene);
    if (faults == 0)
        assert_int_equal(tally->again, again);
    tally->faults += faults;
    tally->jobs += workload->count;
}

void fault_tally_print(const struct fault_tally *tally)
{
    printf("%u faults, %zu jobs: none lost, %zu run again\n", tally->faults, tally->jobs,
           tally->again);
    fflush(stdout);
}
