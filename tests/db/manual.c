#include "manual.h"

#include <stdio.h>
#include <string.h>

#include "directory.h"
#include "fail.h"
#include "sql.h"

enum { ER_SPECIFIC_ACCESS_DENIED = 1227 };

static void run_block(const char *name, const char *block, MYSQL *connection)
{
    unsigned error = sql_try(connection, "%s", block);
    if (error == ER_SPECIFIC_ACCESS_DENIED && strstr(block, "information_schema.INNODB_"))
        return;
    if (error)
        test_fail("docs/%s: error %u, %s, in\n%s", name, error, mysql_error(connection), block);
}

size_t manual_run(const char *name, MYSQL *connection)
{
    static const char opening[] = "\n```sql\n", closing[] = "\n```";
    char path[256];
    size_t count = 0;

    snprintf(path, sizeof path, "%s/docs/%s", DUEQ_SOURCE_DIR, name);
    char *text = test_file_read(path);
    for (char *block = strstr(text, opening); block; block = strstr(block, opening)) {
        block += strlen(opening);
        char *end = strstr(block, closing);
        if (!end)
            test_fail("docs/%s: a block of SQL has no end", name);
        *end = '\0';
        run_block(name, block, connection);
        block = end + 1;
        count++;
    }
    free(text);
    return count;
}
