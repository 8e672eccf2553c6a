#include "state_directory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"
#include "ledger.h"
#include "log.h"
#include "worker_name.h"

/* The manager gives lists, separated by colons; the first is ours. What is in memory comes first:
 * there a write never waits for a disk, and no more than the process has to be outlived. */
static const char *given_directory(char *path, size_t size)
{
    static const char *const names[] = { "RUNTIME_DIRECTORY", "STATE_DIRECTORY" };

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const char *list = getenv(names[i]);
        if (!list || !*list)
            continue;
        snprintf(path, size, "%.*s", (int) strcspn(list, ":"), list);
        return path;
    }
    return NULL;
}

struct ledger *state_directory_open(const struct config *config)
{
    char path[4096], worker[WORKER_NAME_SIZE];
    struct ledger *ledger = NULL;
    struct error error = { "" };
    const char *directory = config->state_directory ? config->state_directory
                                                    : given_directory(path, sizeof path);

    if (!directory) {
        log_info(
            "no state directory (key `state`, or RuntimeDirectory= of the unit): after a crash "
            "it will not be known which job was to blame");
        return NULL;
    }
    worker_name(worker);
    if (ledger_new(directory, worker, &ledger, &error) != 0)
        log_error("%s: it is run without: after a crash it will not be known which job was to "
                  "blame",
                  error.text);
    return ledger;
}
