#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* What noop wrote: a line for each run, in the order in which they began, whichever daemon ran
 * them. It counts runs without asking the database that is under test. */
struct journal {
    struct journal_run {
        uint64_t id; /* the job's */
        unsigned attempt;
        pid_t pid;
        unsigned line; /* from 0 */
    } * runs;
    size_t count;
};

/* One that is not there yet is empty. To be freed with journal_done. */
void journal_read(const char *path, struct journal *ret_journal);
void journal_done(struct journal *journal);

/* Sorts the runs by id, then by line. */
void journal_sort(struct journal *journal);

/* How many lines there are, and how many of them are of one job. */
size_t journal_count(const char *path);
size_t journal_count_of(const char *path, uint64_t id);

void journal_wait_count(const char *path, size_t count, int limit_s);
void journal_wait_count_of(const char *path, uint64_t id, size_t count, int limit_s);

/* The test fails unless `count` jobs were run, each exactly once. */
void journal_expect_each_once(const char *path, size_t count);

/* How many runs there were beyond the first of each job; *ret_jobs: of how many jobs. */
size_t journal_repeated(const char *path, size_t *ret_jobs);
