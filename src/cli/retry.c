#include <stdio.h>
#include <sysexits.h>

#include "commands.h"
#include "control_each.h"
#include "job_control.h"
#include "times.h"

static enum db_status retry_one(struct db *db, uint64_t id, const void *userdata,
                                struct job_control_outcome *ret_outcome, struct error *error)
{
    (void) userdata;
    return job_retry_now(db, id, ret_outcome, error);
}

static void describe(uint64_t id, const struct job_control_outcome *outcome)
{
    char left[TIMES_TEXT_SIZE];
    switch (outcome->result) {
    case JOB_CONTROL_DONE:
        printf("job %llu is due now\n", (unsigned long long) id);
        break;
    case JOB_CONTROL_ALREADY_DUE:
        printf("job %llu is due already\n", (unsigned long long) id);
        break;
    case JOB_CONTROL_RUNNING:
        printf("job %llu is running on worker %llu, whose lease lasts %s more: left alone\n",
               (unsigned long long) id, (unsigned long long) outcome->worker_id,
               times_age(outcome->lease_us, left));
        break;
    case JOB_CONTROL_MISSING:
        printf("there is no job %llu\n", (unsigned long long) id);
        break;
    }
}

int command_retry(struct cli *cli, const struct command *command, int argc, char **argv)
{
    static const struct control control = { .one = retry_one, .describe = describe };
    int status;
    if (!cli_arguments(cli, command, NULL, 0, 1, -1, &argc, argv, &status))
        return status;
    return control_each(cli, command, &control, argc - 1, argv + 1);
}
