#include "dead_dry_run.h"

#include <stdio.h>
#include <sysexits.h>

#include "json_output.h"
#include "table.h"

static json_t *groups_json(const struct dead_group *groups, size_t count)
{
    json_t *array = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append_new(array,
                              json_pack("{s:o, s:o, s:I}", "kind", json_row_text(groups[i].kind),
                                        "reason", json_row_text(groups[i].reason), "count",
                                        (json_int_t) groups[i].count));
    return array;
}

static int print_groups(const struct dead_group *groups, size_t count)
{
    static const struct table_column columns[] = { { "KIND", false, 0 },
                                                   { "REASON", false, 0 },
                                                   { "COUNT", true, 0 } };
    struct table table;
    table_init(&table, columns, sizeof columns / sizeof *columns);
    for (size_t i = 0; i < count; i++) {
        table_cell_row(&table, groups[i].kind);
        table_cell_row(&table, groups[i].reason);
        table_cell_u64(&table, groups[i].count);
    }
    bool printed = table_print(&table);
    table_done(&table);
    return printed ? EX_OK : EX_OSERR;
}

int dead_dry_run(struct cli *cli, const struct dead_filter *filter, uint64_t limit,
                 const char *verb)
{
    struct dead_group *groups;
    struct error error;
    size_t count;
    uint64_t matched = 0;

    enum db_status status = dead_count(cli->db, filter, &cli->arena, &groups, &count, &error);
    if (status != DB_OK)
        return cli_failed(cli, status, &error);
    for (size_t i = 0; i < count; i++)
        matched += groups[i].count;
    uint64_t would = matched < limit ? matched : limit;
    if (cli->json)
        return json_print(json_pack("{s:b, s:I, s:I, s:o}", "dry_run", 1, "matched",
                                    (json_int_t) matched, "would", (json_int_t) would, "groups",
                                    groups_json(groups, count)));
    int printed = count > 0 ? print_groups(groups, count) : EX_OK;
    printf("%s%llu match; %llu would be %s\n", count > 0 ? "\n" : "", (unsigned long long) matched,
           (unsigned long long) would, verb);
    return printed;
}
