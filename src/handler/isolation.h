#pragma once

#include "loader.h"
#include "options.h"
#include "registry.h"

/* Runs the jobs of one kind in processes of their own (dueq-host): what they do to their process is
 * their own loss. It is a handler like any other to who runs jobs, but for two more outcomes. */
struct isolation;

enum isolation_outcome {
    ISOLATION_CRASHED = -1, /* its process died with it: failed, with a message */
    ISOLATION_RELEASE =
        -2, /* its process died of another job's doing: to be run again, uncharged */
};

/* Starts the first process, which opens the plugin. All is borrowed until isolation_free; kind has
 * isolation. 0; -EINVAL with the reasons in the report, where it does not go; -ENOMEM. */
int isolation_new(const struct plugin *plugin, const struct options_place *place,
                  const struct config_kind *kind, const struct handler_callbacks *callbacks,
                  struct isolation **ret_isolation, struct config_report *report)
    __attribute__((warn_unused_result));

/* To be called with the isolation as the instance. */
const struct dueq_handler *isolation_handler(const struct isolation *isolation);

/* Ends the processes; no job runs. Takes NULL. */
void isolation_free(struct isolation *isolation);
