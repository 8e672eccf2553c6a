#include "control_each.h"

#include <sysexits.h>

#include "exit_status.h"
#include "json_output.h"

static json_t *outcome_json(uint64_t id, const struct job_control_outcome *outcome)
{
    static const char *const results[] = {
        [JOB_CONTROL_DONE] = "done",
        [JOB_CONTROL_MISSING] = "missing",
        [JOB_CONTROL_RUNNING] = "running",
        [JOB_CONTROL_ALREADY_DUE] = "already_due",
    };
    return json_pack("{s:I, s:s, s:o}", "id", (json_int_t) id, "result", results[outcome->result],
                     "worker_id", json_nonzero(outcome->worker_id));
}

static bool is_refused(const struct job_control_outcome *outcome)
{
    return outcome->result == JOB_CONTROL_MISSING || outcome->result == JOB_CONTROL_RUNNING;
}

static int do_each(struct cli *cli, const struct control *control, int count, char **ids,
                   json_t *array)
{
    int exit_status = EX_OK;

    for (int i = 0; i < count; i++) {
        struct job_control_outcome outcome = { .result = JOB_CONTROL_MISSING };
        struct error error;
        uint64_t id = 0;
        argument_id(ids[i], &id);
        enum db_status status = control->one(cli->db, id, control->userdata, &outcome, &error);
        if (status != DB_OK) {
            error_prefix(&error, "job %llu", (unsigned long long) id);
            return cli_failed(cli, status, &error);
        }
        if (is_refused(&outcome))
            exit_status = EXIT_NO;
        if (cli->json)
            json_array_append_new(array, outcome_json(id, &outcome));
        else
            control->describe(id, &outcome);
    }
    return exit_status;
}

int control_each(struct cli *cli, const struct command *command, const struct control *control,
                 int count, char **ids)
{
    uint64_t id;
    for (int i = 0; i < count; i++)
        if (!argument_id(ids[i], &id))
            return cli_usage(command, "\"%s\" is no id of a job", ids[i]);
    int status = cli_connect(cli, CLI_NEED_SCHEMA);
    if (status != EX_OK)
        return status;
    json_t *array = json_array();
    status = do_each(cli, control, count, ids, array);
    if (!cli->json) {
        json_decref(array);
        return status;
    }
    int printed = json_print(array); /* also after a failure: what was done before it */
    return status != EX_OK ? status : printed;
}
