#include "statements.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "claim_ways.h"
#include "database.h"
#include "fill.h"
#include "settle_ways.h"
#include "trial.h"

enum { MAX_WAYS = 16 };

struct part {
    const char *name;
    const char *title;
    const struct way *(*ways)(void);
    bool locked;    /* the batch is locked before the way begins, as a claim would have done */
    bool leased;    /* all rows are under STATEMENTS_LEASE */
    bool read_only; /* rolled back: the rows stay as they are */
};

static const struct part parts[] = {
    { "claim", "claim: SELECT … FOR UPDATE SKIP LOCKED, us a row", claim_ways, false, false, true },
    { "lease", "lease: UPDATE of locked rows, us a row", lease_ways, true, false, false },
    { "delete", "settle of a hold: DELETE of locked rows, us a row", delete_ways, true, false,
      false },
    { "fence", "settle of leases: fenced DELETE, us a row", fence_ways, false, true, false },
};

struct rehearsal {
    MYSQL *mysql;
    long server_pid;
    long rows, batch, rounds, bytes;
    const char *headers;
    int64_t due_us; /* of the row with id 1; of the others a microsecond later each */
    struct batch at_hand;
};

static void fill(struct rehearsal *rehearsal, bool leased)
{
    rehearsal->due_us = database_now_us(rehearsal->mysql) - 60 * INT64_C(1000000);
    const struct fill rows = { .jobs = rehearsal->rows,
                               .bytes = rehearsal->bytes,
                               .due_us = rehearsal->due_us,
                               .step_us = 1,
                               .headers = rehearsal->headers,
                               .unlogged = true };
    fill_empty(rehearsal->mysql);
    fill_jobs(rehearsal->mysql, &rows);
    if (leased) {
        char sql[128];
        snprintf(sql, sizeof sql, "UPDATE dueq_job SET lease = %llu, attempts = %d",
                 (unsigned long long) STATEMENTS_LEASE, STATEMENTS_ATTEMPT);
        database_execute(rehearsal->mysql, sql);
    }
    fill_wait_for_purge(rehearsal->mysql);
}

static void set_batch(struct rehearsal *rehearsal, long offset, long count)
{
    struct batch *batch = &rehearsal->at_hand;

    batch->first = (uint64_t) offset + 1;
    batch->count = count;
    batch->from_us = rehearsal->due_us + offset;
    batch->until_us = batch->from_us + batch->count - 1;
    for (long i = 0; i < batch->count; i++)
        batch->ids[i] = batch->first + (uint64_t) i;
}

static void lock_batch(struct batch *batch)
{
    char sql[256];
    snprintf(sql, sizeof sql,
             "SELECT id FROM dueq_job FORCE INDEX (due) WHERE queue = 'default' AND priority = 5"
             " AND next_run_at BETWEEN FROM_UNIXTIME(%lld.%06lld) AND NOW(6)"
             " ORDER BY next_run_at, id LIMIT %ld FOR UPDATE SKIP LOCKED",
             (long long) (batch->from_us / 1000000), (long long) (batch->from_us % 1000000),
             batch->count);
    database_execute(batch->mysql, sql);
}

static void run_way(struct rehearsal *rehearsal, const struct part *part, const struct way *way,
                    struct trial *trial)
{
    struct batch *batch = &rehearsal->at_hand;

    database_execute(batch->mysql, "START TRANSACTION");
    if (part->locked)
        lock_batch(batch);
    trial_begin(trial, rehearsal->server_pid);
    long rows = way->run(batch);
    trial_end(trial, rehearsal->server_pid, rows);
    database_execute(batch->mysql, part->read_only ? "ROLLBACK" : "COMMIT");
    if (rows != batch->count) {
        fprintf(stderr, "bench: \"%s\" met %ld rows of %ld\n", way->name, rows, batch->count);
        exit(1);
    }
}

static void run_part(struct rehearsal *rehearsal, const struct part *part)
{
    const struct way *ways = part->ways();
    struct trial trials[MAX_WAYS] = { { 0 } };
    struct prepared *prepared[MAX_WAYS] = { NULL };
    long count = 0;

    for (; ways[count].name; count++) {
        trials[count].name = ways[count].name;
        if (ways[count].prepare)
            prepared[count] = prepared_new(rehearsal->mysql, ways[count].prepare);
    }
    /* A batch at least for each of them, and as many for one as for another. */
    long batch = rehearsal->rows / count < rehearsal->batch ? rehearsal->rows / count
                                                            : rehearsal->batch;
    long batches = rehearsal->rows / batch / count * count;
    for (long round = 0; round < rehearsal->rounds; round++) {
        fill(rehearsal, part->leased);
        for (long i = 0; i < batches; i++) {
            /* Turned by one a round, so that they do not stand at the same places each time. */
            long n = (i + round) % count;
            set_batch(rehearsal, i * batch, batch);
            rehearsal->at_hand.prepared = prepared[n];
            run_way(rehearsal, part, &ways[n], &trials[n]);
        }
    }
    trial_print_head(part->title);
    trial_print(trials, count);
    fflush(stdout);
    for (long i = 0; i < count; i++)
        prepared_free(prepared[i]);
}

int statements_command(struct arguments *arguments)
{
    const char *only = arguments_text(arguments, "--part", NULL);
    struct rehearsal rehearsal = {
        .rows = arguments_number(arguments, "--jobs", 100000),
        .batch = arguments_number(arguments, "--batch", 1000),
        .rounds = arguments_number(arguments, "--rounds", 3),
        .bytes = arguments_number(arguments, "--bytes", 230),
    };
    if (arguments_flag(arguments, "--headers"))
        rehearsal.headers =
            "{\"traceparent\":\"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba9\"}";
    arguments_done(arguments);
    if (rehearsal.batch < 1 || rehearsal.rows < MAX_WAYS) {
        fprintf(stderr, "bench: a batch has a row at least, and there are more rows than ways\n");
        return 64;
    }

    rehearsal.mysql = database_connect_lane();
    rehearsal.at_hand.mysql = rehearsal.mysql;
    rehearsal.at_hand.ids = calloc((size_t) rehearsal.batch, sizeof *rehearsal.at_hand.ids);
    if (!rehearsal.at_hand.ids)
        abort();
    rehearsal.server_pid = database_server_pid();
    printf("%ld rows of %ld bytes, batches of %ld, %ld rounds; wall: as the client waits, server: "
           "its CPU time, all threads\n",
           rehearsal.rows, rehearsal.bytes, rehearsal.batch, rehearsal.rounds);
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (!only || strcmp(only, parts[i].name) == 0)
            run_part(&rehearsal, &parts[i]);
    fill_empty(rehearsal.mysql);
    buffer_done(&rehearsal.at_hand.sql);
    free(rehearsal.at_hand.ids);
    mysql_close(rehearsal.mysql);
    return 0;
}
