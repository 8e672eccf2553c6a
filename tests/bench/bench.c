/* What tests/bench/run measures with: each command is one step of it, on the database that the
 * environment names (DUEQ_TEST_SOCKET, BENCH_DATABASE), as root. What they print is lines of a name
 * and a value. The headers of the commands say what each does. */
#include <mysql.h>
#include <stdio.h>
#include <string.h>

#include "arrivals.h"
#include "database.h"
#include "drained.h"
#include "fill.h"
#include "floor.h"
#include "idle.h"
#include "lateness.h"
#include "produce.h"
#include "slow_log.h"
#include "snapshot.h"
#include "statements.h"

/* The first column of the first row, for scripts. */
static int sql_command(struct arguments *arguments)
{
    const char *sql = arguments_text(arguments, "--query", "SELECT 1");
    arguments_done(arguments);
    MYSQL *mysql = database_connect();
    MYSQL_RES *result = database_query_text(mysql, sql);
    MYSQL_ROW row = result ? mysql_fetch_row(result) : NULL;
    if (row)
        puts(row[0] ? row[0] : "NULL");
    mysql_free_result(result);
    mysql_close(mysql);
    return 0;
}

static const struct {
    const char *name;
    int (*run)(struct arguments *arguments);
} commands[] = {
    { "arrivals", arrivals_command },
    { "claims", slow_log_claims_command },
    { "drained", drained_command },
    { "empty", fill_empty_command },
    { "fill", fill_command },
    { "floor", floor_command },
    { "idle", idle_command },
    { "lateness", lateness_command },
    { "produce", produce_command },
    { "purged", fill_purged_command },
    { "snapshot", snapshot_command },
    { "sql", sql_command },
    { "statements", statements_command },
};

int main(int argc, char **argv)
{
    struct arguments arguments;

    mysql_library_init(0, NULL, NULL);
    for (size_t i = 0; argc > 1 && i < sizeof commands / sizeof *commands; i++)
        if (strcmp(argv[1], commands[i].name) == 0) {
            arguments_init(&arguments, argc - 2, argv + 2);
            return commands[i].run(&arguments);
        }
    fprintf(stderr, "usage: bench COMMAND [OPTION]..., where COMMAND is one of");
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        fprintf(stderr, " %s", commands[i].name);
    fprintf(stderr, "\n");
    return 64;
}
