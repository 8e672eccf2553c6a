#include "journal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "directory.h"
#include "fail.h"
#include "wait.h"

static void add(struct journal *journal, size_t *size, const struct journal_run *run)
{
    if (journal->count == *size) {
        *size = *size ? *size * 2 : 1024;
        journal->runs = realloc(journal->runs, *size * sizeof *journal->runs);
        if (!journal->runs)
            abort();
    }
    journal->runs[journal->count++] = *run;
}

/* "<source id>-<job id> <attempt> <pid>" */
static bool read_line(const char *line, struct journal_run *run)
{
    unsigned long long id;
    unsigned attempt;
    int pid;
    const char *space = strchr(line, ' ');
    const char *dash = space;
    while (dash && dash > line && *dash != '-')
        dash--;
    if (!dash || sscanf(dash, "-%llu %u %d", &id, &attempt, &pid) != 3)
        return false;
    *run = (struct journal_run){ .id = id, .attempt = attempt, .pid = pid };
    return true;
}

void journal_read(const char *path, struct journal *ret_journal)
{
    struct journal journal = { 0 };
    size_t size = 0;
    unsigned number = 0;

    *ret_journal = journal;
    if (access(path, F_OK) < 0 && errno == ENOENT)
        return;
    char *text = test_file_read(path), *end;
    for (char *line = text; (end = strchr(line, '\n')); line = end + 1) {
        struct journal_run run;
        *end = '\0';
        if (!read_line(line, &run))
            test_fail("%s: no line of a journal: \"%s\"", path, line);
        run.line = number++;
        add(&journal, &size, &run);
    }
    free(text);
    *ret_journal = journal;
}

void journal_done(struct journal *journal)
{
    free(journal->runs);
    *journal = (struct journal){ 0 };
}

static int by_id(const void *left, const void *right)
{
    const struct journal_run *a = left, *b = right;
    if (a->id != b->id)
        return a->id < b->id ? -1 : 1;
    return (a->line > b->line) - (a->line < b->line);
}

void journal_sort(struct journal *journal)
{
    if (journal->count > 0)
        qsort(journal->runs, journal->count, sizeof *journal->runs, by_id);
}

size_t journal_count(const char *path)
{
    struct journal journal;
    journal_read(path, &journal);
    size_t count = journal.count;
    journal_done(&journal);
    return count;
}

size_t journal_count_of(const char *path, uint64_t id)
{
    struct journal journal;
    size_t count = 0;
    journal_read(path, &journal);
    for (size_t i = 0; i < journal.count; i++)
        count += journal.runs[i].id == id;
    journal_done(&journal);
    return count;
}

struct expected {
    const char *path;
    uint64_t id; /* 0: any */
    size_t count;
};

static bool has_come(void *userdata)
{
    const struct expected *expected = userdata;
    size_t count = expected->id ? journal_count_of(expected->path, expected->id)
                                : journal_count(expected->path);
    return count >= expected->count;
}

static void wait_for(const struct expected *expected, int limit_s)
{
    if (!wait_until(has_come, (void *) expected, limit_s))
        test_fail("%s has %zu lines and not %zu within %d s", expected->path,
                  journal_count(expected->path), expected->count, limit_s);
}

void journal_wait_count(const char *path, size_t count, int limit_s)
{
    wait_for(&(struct expected){ .path = path, .count = count }, limit_s);
}

void journal_wait_count_of(const char *path, uint64_t id, size_t count, int limit_s)
{
    wait_for(&(struct expected){ .path = path, .id = id, .count = count }, limit_s);
}

size_t journal_repeated(const char *path, size_t *ret_jobs)
{
    struct journal journal;
    size_t jobs = 0;

    journal_read(path, &journal);
    journal_sort(&journal);
    for (size_t i = 0; i < journal.count; i++)
        jobs += i == 0 || journal.runs[i].id != journal.runs[i - 1].id;
    size_t repeated = journal.count - jobs;
    journal_done(&journal);
    if (ret_jobs)
        *ret_jobs = jobs;
    return repeated;
}

void journal_expect_each_once(const char *path, size_t count)
{
    size_t jobs = 0, repeated = journal_repeated(path, &jobs);
    if (jobs != count || repeated > 0)
        test_fail("%zu of %zu jobs were run, and %zu times more than once each", jobs, count,
                  repeated);
}
