#include <stdio.h>
#include <sysexits.h>

#include "commands.h"
#include "control_each.h"
#include "job_control.h"

static enum db_status cancel_one(struct db *db, uint64_t id, const void *userdata,
                                 struct job_control_outcome *ret_outcome, struct error *error)
{
    return job_cancel(db, id, userdata, ret_outcome, error);
}

static void describe(uint64_t id, const struct job_control_outcome *outcome)
{
    if (outcome->result == JOB_CONTROL_MISSING)
        printf("there is no job %llu\n", (unsigned long long) id);
    else if (outcome->worker_id)
        printf("job %llu is cancelled; worker %llu was running it\n", (unsigned long long) id,
               (unsigned long long) outcome->worker_id);
    else
        printf("job %llu is cancelled\n", (unsigned long long) id);
}

int command_cancel(struct cli *cli, const struct command *command, int argc, char **argv)
{
    const char *message = "cancelled by an operator";
    const struct argument table[] = {
        { "message", 0, ARGUMENT_TEXT, &message, "TEXT", "why, for those who look at it later", 0,
          0 },
    };
    int status;
    if (!cli_arguments(cli, command, table, 1, 1, -1, &argc, argv, &status))
        return status;
    const struct control control = { .one = cancel_one, .describe = describe, .userdata = message };
    return control_each(cli, command, &control, argc - 1, argv + 1);
}
