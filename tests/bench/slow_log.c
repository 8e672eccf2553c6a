#include "slow_log.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "spread.h"

/* The lines "# Query_time: 0.001 … Rows_sent: 7 …" that both servers write before a statement. */
static bool read_head(const char *line, double *ret_seconds, long *ret_rows)
{
    const char *time = strstr(line, "Query_time: "), *rows = strstr(line, "Rows_sent: ");
    if (*line != '#' || !time || !rows)
        return false;
    *ret_seconds = atof(time + strlen("Query_time: "));
    *ret_rows = atol(rows + strlen("Rows_sent: "));
    return true;
}

static bool is_claim(const char *line)
{
    return strncmp(line, "SELECT ", 7) == 0 && strstr(line, "FORCE INDEX (due)") &&
           strstr(line, "ORDER BY next_run_at, id") && strstr(line, "SKIP LOCKED");
}

int slow_log_claims_command(struct arguments *arguments)
{
    const char *path = arguments_text(arguments, "--log", "");
    long from = arguments_number(arguments, "--from", 0);
    struct spread claims = { 0 };
    char *line = NULL;
    size_t size = 0;
    double seconds = 0;
    long rows = 0, sum = 0;
    arguments_done(arguments);

    FILE *file = fopen(path, "r");
    if (!file || fseek(file, from, SEEK_SET) != 0) {
        fprintf(stderr, "bench: %s cannot be read\n", path);
        return 1;
    }
    while (getline(&line, &size, file) >= 0)
        if (!read_head(line, &seconds, &rows) && is_claim(line) && rows > 0) {
            spread_add(&claims, (int64_t) (seconds * 1e6));
            sum += rows;
        }
    spread_print(&claims, "claim");
    printf("rows %ld\n", claims.count ? sum / (long) claims.count : 0);
    spread_done(&claims);
    free(line);
    fclose(file);
    return 0;
}
