#include "dead_options.h"

#include <string.h>

#include "dead_letter.h"
#include "output.h"

void dead_options_init(struct dead_options *options, struct argument *table)
{
    *options = (struct dead_options){
        .filter = { .older_than_us = -1, .newer_than_us = -1 },
        .id = -1,
        .job = -1,
    };
    struct dead_filter *filter = &options->filter;
    const struct argument all[DEAD_ARGUMENTS] = {
        { "kind", 0, ARGUMENT_NAME, &filter->kind, "KIND", "only of this kind, or of order.*", 0,
          0 },
        { "queue", 0, ARGUMENT_NAME, &filter->queue, "NAME", "only of this queue", 0, 0 },
        { "reason", 0, ARGUMENT_TEXT, &filter->reason, "REASON",
          "handler, exhausted, expired, cancelled, invalid or crashed", 0, 0 },
        { "error", 0, ARGUMENT_TEXT, &filter->error, "TEXT", "only with this text in the message",
          0, 0 },
        { "older-than", 0, ARGUMENT_DURATION, &filter->older_than_us, "DURATION",
          "died at least so long ago", 0, 0 },
        { "newer-than", 0, ARGUMENT_DURATION, &filter->newer_than_us, "DURATION",
          "died at most so long ago", 0, 0 },
        { "id", 0, ARGUMENT_NUMBER, &options->id, "DEAD_ID", "only this dead letter", 1,
          INT64_MAX },
        { "job", 0, ARGUMENT_NUMBER, &options->job, "ID", "only of this job", 1, INT64_MAX },
    };
    memcpy(table, all, sizeof all);
}

static bool is_reason(const char *text)
{
    for (int reason = DEAD_HANDLER; reason <= DEAD_CRASHED; reason++)
        if (strcmp(text, dead_reason_name((enum dead_reason) reason)) == 0)
            return true;
    return false;
}

bool dead_options_finish(struct cli *cli, const struct command *command,
                         struct dead_options *options, int count, char **words)
{
    struct dead_filter *filter = &options->filter;

    if (filter->reason && !is_reason(filter->reason)) {
        cli_usage(command,
                  "--reason: expected handler, exhausted, expired, cancelled, invalid or crashed, "
                  "found \"%s\"",
                  filter->reason);
        return false;
    }
    if (options->job > 0)
        filter->job_id = (uint64_t) options->job;
    if (count == 0 && options->id < 0)
        return true;

    uint64_t *ids = arena_alloc(&cli->arena, ((size_t) count + 1) * sizeof *ids);
    if (!ids) {
        output_error("out of memory");
        return false;
    }
    size_t id_count = 0;
    if (options->id > 0)
        ids[id_count++] = (uint64_t) options->id;
    for (int i = 0; i < count; i++)
        if (!argument_id(words[i], &ids[id_count++])) {
            cli_usage(command, "\"%s\" is no id of a dead letter", words[i]);
            return false;
        }
    filter->dead_ids = ids;
    filter->dead_id_count = id_count;
    return true;
}
