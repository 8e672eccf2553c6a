#include "snapshot.h"

#include <stdio.h>
#include <unistd.h>

#include "database.h"

int snapshot_command(struct arguments *arguments)
{
    arguments_done(arguments);
    MYSQL *mysql = database_connect();
    database_execute(mysql, "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ");
    database_execute(mysql, "START TRANSACTION WITH CONSISTENT SNAPSHOT");
    database_number(mysql, "SELECT id FROM dueq_job LIMIT 1");
    puts("open");
    fflush(stdout);
    for (;;)
        pause();
}
