#include "state_directory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"
#include "ledger.h"
#include "log.h"
#include "worker_name.h"

/* The manager gives a list, separated by colons; the first is ours. */
static const char *given_directory(char *path, size_t size)
{
    const char *list = getenv("STATE_DIRECTORY");
    if (!list || !*list)
        return NULL;
    snprintf(path, size, "%.*s", (int) strcspn(list, ":"), list);
    return path;
}

struct ledger *state_directory_open(const struct config *config)
{
    char path[4096], worker[WORKER_NAME_SIZE];
    struct ledger *ledger = NULL;
    struct error error = { "" };
    const char *directory = config->state_directory ? config->state_directory
                                                    : given_directory(path, sizeof path);

    if (!directory) {
        log_info("no state directory (key `state`, or StateDirectory= of the unit): after a crash "
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
