#pragma once

#include <mysql.h>
#include <stdint.h>

#include "arguments.h"
#include "buffer.h"
#include "prepared.h"

/* `bench statements`: ways of writing one statement, side by side, on one connection. The ways take
 * turns, a batch each, so that none has a quieter server than another. */
int statements_command(struct arguments *arguments);

/* What a way is given: the ids first to first + count - 1, that is all rows due from from_us to
 * until_us, both included. */
struct batch {
    MYSQL *mysql;
    uint64_t first;
    long count;
    int64_t from_us, until_us;
    uint64_t *ids;             /* the same as a list */
    struct buffer sql;         /* empty before and after */
    struct prepared *prepared; /* what the way has prepared */
};

/* The token and the attempt that all rows carry where fences are tried. */
#define STATEMENTS_LEASE UINT64_C(281474976710657)
#define STATEMENTS_ATTEMPT 1

struct way {
    const char *name;
    const char *prepare;              /* SQL of batch->prepared; NULL: none */
    long (*run)(struct batch *batch); /* what is timed; the rows that it met */
};
